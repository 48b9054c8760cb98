"""Files are moved whole, never over another, also to another file system and after an end in the middle."""

import hashlib
import os
from pathlib import Path

import pytest

from patchsieve.runtime.streams.placing import OccupiedError, delete, free_place, move
from patchsieve.runtime.streams.reading import signature_of

DATA = b"a part"
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "incoming.png"
    path.write_bytes(DATA)
    return path


@pytest.fixture(params=["same", "other"])
def target(request, tmp_path):
    """A place on the same file system, and one on another."""
    if request.param == "same":
        yield tmp_path / "results" / "good" / "a.png"
        return
    other = Path("/dev/shm") / f"patchsieve-{os.getpid()}"
    other.mkdir()
    assert other.stat().st_dev != tmp_path.stat().st_dev
    yield other / "a.png"
    for path in other.iterdir():
        path.unlink()
    other.rmdir()


def signature(path):
    return signature_of(path.stat())


def test_a_file_is_moved_and_keeps_its_time(source, target):
    before = signature(source)
    assert move(source, target, before, HASH)
    assert (target.read_bytes(), source.exists()) == (DATA, False)
    assert signature(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]
    assert move(source, target, before, HASH)  # it is done already


def test_a_file_is_never_moved_over_another(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"other.")
    with pytest.raises(OccupiedError):
        move(source, target, signature(source), HASH)
    assert (target.read_bytes(), source.read_bytes()) == (b"other.", DATA)


@pytest.mark.parametrize("left", [b"", DATA])
def test_a_move_that_was_interrupted_is_finished(source, target, left):
    """The place was held, or the copy was there and its source, too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(left)
    assert move(source, target, signature(source), HASH)
    assert (target.read_bytes(), source.exists()) == (DATA, False)


def test_a_newer_file_of_the_same_name_stays(source, target):
    before = signature(source)
    source.write_bytes(b"a newer part")
    assert not move(source, target, before, HASH)
    delete(source, before)
    assert source.read_bytes() == b"a newer part"
    assert not target.exists()


def test_a_place_that_cannot_be_filled_is_given_back(source, tmp_path):
    target = tmp_path / "results" / "a.png"
    source.unlink()
    source.mkdir()
    with pytest.raises(OSError, match="directory"):
        move(source, target, signature(source), HASH)
    assert not target.exists()


def test_a_free_place_is_found(tmp_path):
    taken = tmp_path / "sub" / "b.png"
    (tmp_path / "a.png").write_bytes(b"")
    assert free_place(tmp_path, "a.png", 7).name == "a~7.png"
    (tmp_path / "a~7.png").write_bytes(b"")
    assert free_place(tmp_path, "a.png", 7).name == "a~7.1.png"
    assert free_place(tmp_path, "sub/b.png", 7, {taken}) == tmp_path / "sub" / "b~7.png"
