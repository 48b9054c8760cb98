"""Small real folders and files that the tests of this room share."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Save = Callable[..., Path]


@pytest.fixture
def save() -> Save:
    """Write an image whose pixels depend on its path, or plain ones of `value`, and return the path."""

    def write(
        path: Path, *, size: tuple[int, int] = (8, 6), value: int | None = None, mode: str = "RGB"
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(os.fsencode(path)))
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        array = (
            rng.integers(0, 256, shape, dtype=np.uint8) if value is None else np.full(shape, value, np.uint8)
        )
        Image.fromarray(array).save(path)
        return path

    return write


@pytest.fixture
def mvtec(tmp_path: Path, save: Save) -> Path:
    """MVTec AD's shape: 12 good to learn from; 3 good, 4 scratched and 2 dented to test, all with masks."""
    root = tmp_path / "bottle"
    for index in range(12):
        save(root / "train" / "good" / f"{index:03}.png")
    for index in range(3):
        save(root / "test" / "good" / f"{index:03}.png")
    for defect, count in (("scratch", 4), ("dent", 2)):
        for index in range(count):
            save(root / "test" / defect / f"{index:03}.png")
            save(root / "ground_truth" / defect / f"{index:03}_mask.png", value=255, mode="L")
    return root


@pytest.fixture
def forbidden(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], AbstractContextManager[None]]:
    """Take every permission from a path for the length of a block, in which the tests are not root either."""

    @contextmanager
    def without_permission(path: Path) -> Iterator[None]:
        above = [
            folder for folder in path.parents if tmp_path_factory.getbasetemp() in (folder, *folder.parents)
        ]
        above += [tmp_path_factory.getbasetemp().parent]
        before = {folder: folder.stat().st_mode for folder in (path, *above)}
        user = os.geteuid()
        for folder in above:
            folder.chmod(0o755)
        path.chmod(0)
        if user == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            if user == 0:
                os.seteuid(0)
            for folder, mode in before.items():
                folder.chmod(mode)

    return without_permission
