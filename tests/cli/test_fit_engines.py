"""Which options of fit go together with which engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("options", "wrong"),
    [(("--address", "auto"), "--address"), (("--engine", "ray", "--cache", "kept"), "--cache")],
)
def test_options_of_the_other_engine_are_refused(
    unsorted: Path, tmp_path: Path, patchsieve: Callable[..., Any], options: tuple[str, ...], wrong: str
) -> None:
    ended = patchsieve("fit", unsorted, "--out", tmp_path / "line7.sieve", *options)
    assert ended.code == 2
    assert wrong in ended.err
    assert not list(tmp_path.iterdir())
