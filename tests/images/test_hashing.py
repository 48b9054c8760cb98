"""Identity by content."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, content_hash


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path, save: object) -> None:
    path = save(tmp_path / "a.png")
    assert content_hash(ImageRecord("a", path)) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BrokenImageError, match="no such file"):
        content_hash(ImageRecord("b", tmp_path / "b.png"))


def test_the_hash_of_an_array_knows_values_and_shape() -> None:
    def of(array: np.ndarray) -> str:
        return content_hash(ImageRecord("x", pixels=array))

    base = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert of(base) == of(base.copy())
    assert len({of(base), of(base + 1), of(base.reshape(4, 2, 3))}) == 3
    flipped = base[:, ::-1]
    assert of(flipped) == of(np.ascontiguousarray(flipped))


def test_the_room_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import patchsieve.images; print(patchsieve.images.read_images)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
