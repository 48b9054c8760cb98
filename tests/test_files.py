"""Files are written whole or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from patchsieve.errors import PatchSieveError
from patchsieve.files import replacing, require_writable, write_bytes, write_text


def test_text_is_written_as_utf8_with_the_line_ends_it_has(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.csv", "Größe\n1\n")
    assert (tmp_path / "a" / "b.csv").read_bytes() == "Größe\n1\n".encode()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_bytes(target, b"long old content")
    write_bytes(str(target), b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_target_keeps_its_old_content_until_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "m.sieve"
    write_bytes(target, b"old")
    with replacing(target) as temporary:
        temporary.write_bytes(b"half")
        assert target.read_bytes() == b"old"
        assert temporary.parent == target.parent
        assert not temporary.match("*.sieve")
    assert target.read_bytes() == b"half"


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "m.sieve"
    write_bytes(target, b"old")

    def fail() -> None:
        with replacing(target) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_users_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "result", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == 0o640


def test_a_target_that_cannot_be_written_is_named_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PatchSieveError, match=r"cannot write .*file/below: (Not a directory|File exists)"):
        write_bytes(tmp_path / "file" / "below", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PatchSieveError, match=r"cannot write .*folder: Is a directory"):
        write_bytes(tmp_path / "folder", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_name_too_long_for_the_file_system_is_said(tmp_path: Path) -> None:
    with pytest.raises(PatchSieveError, match="File name too long"):
        write_bytes(tmp_path / ("n" * 300), b"x")


FULL_DISK = """
import resource, signal, sys
from patchsieve.errors import PatchSieveError
from patchsieve.files import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_bytes(sys.argv[1], b"x" * 10_000)
except PatchSieveError as error:
    print(error)
"""


def test_a_write_that_runs_out_of_room_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """A limit on file sizes makes the system refuse the write in the middle, as a full disk does."""
    target = tmp_path / "report.html"
    target.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(target)], capture_output=True, text=True, check=True
    )
    assert f"cannot write {target}: File too large; nothing was left half-written" in done.stdout
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_whether_a_result_could_be_written_is_found_out_without_a_trace(tmp_path: Path) -> None:
    old = tmp_path / "old.sieve"
    old.write_bytes(b"old")
    require_writable(old, tmp_path / "new" / "folder" / "new.sieve", str(tmp_path / "new.html"))
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_bytes() == b"old"
    with pytest.raises(PatchSieveError, match=r"it is a folder; name a file"):
        require_writable(old, tmp_path)
    with pytest.raises(PatchSieveError, match=r"old\.sieve is a file, not a folder"):
        require_writable(old / "below" / "new.sieve")
