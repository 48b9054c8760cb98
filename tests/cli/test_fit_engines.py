"""Which options of fit and bench go together with which engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("command", "options", "wrong"),
    [
        ("fit", ("--address", "auto"), "--address"),
        ("fit", ("--engine", "ray", "--cache", "kept"), "--cache"),
        ("bench", ("--address", "auto"), "--address"),
        ("bench", ("--engine", "ray", "--cache", "kept"), "--cache"),
        ("bench", ("--engine", "ray", "--workers", "2"), "--workers"),
    ],
)
def test_options_of_the_other_engine_are_refused(
    labelled: Path,
    tmp_path: Path,
    patchsieve: Callable[..., Any],
    command: str,
    options: tuple[str, ...],
    wrong: str,
) -> None:
    ended = patchsieve(command, labelled, "--out", tmp_path / "made", *options)
    assert ended.code == 2
    assert wrong in ended.err
    assert not list(tmp_path.iterdir())
