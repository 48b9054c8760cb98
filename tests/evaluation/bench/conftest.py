"""A data set of two small categories, for benches that take seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from patchsieve.evaluation.bench import System

SMALL = {"image_size": 64, "crop": None, "device": "cpu", "batch_size": 4}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, labelled: Path, parts: Callable[..., Path]) -> Path:
    """`plates/` with the categories thick, with masks, and thin, without a split and without masks."""
    root = tmp_path_factory.mktemp("data") / "plates"
    root.mkdir()
    (root / "thick").symlink_to(labelled, target_is_directory=True)
    parts(root / "thin" / "good", 12, first=300)
    parts(root / "thin" / "bad", 0, 5, first=400)
    return root


@pytest.fixture(scope="session")
def systems() -> tuple[System, ...]:
    """Two that learn from the same features."""
    return (System("softpatch-lof", "softpatch", SMALL), System("patchcore", "patchcore", SMALL))
