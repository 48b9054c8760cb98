"""Exports share the traces of their backbones."""

import pytest


@pytest.fixture(autouse=True)
def shared_traces(traced_once: None) -> None:
    """Trace each backbone once for all tests of this folder."""
