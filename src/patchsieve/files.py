"""Files are written whole or not at all: a temporary file beside the target, fsync, rename."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patchsieve.errors import PatchSieveError


@contextmanager
def replacing(target: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it becomes `target`, on any failure it goes.

    Missing parent folders are made. A full disk, a missing permission and the like leave `target` as it was.

    Raises:
        PatchSieveError: the file cannot be written; the text names the file and the cause.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not a dot file that a `*.sieve` glob would pick up half-written: the suffix is our own.
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise PatchSieveError(f"cannot write {target}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        _finish(temporary, target)
    except OSError as error:
        raise PatchSieveError(
            f"cannot write {target}: {error.strerror or error}; nothing was left half-written"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(*targets: Path | str) -> None:
    """Say before the work, not after an hour of it, that its result could not be written. Leaves no trace.

    Raises:
        PatchSieveError: a target cannot be a file, or no file can be made where it shall stand.
    """
    for target in map(Path, targets):
        if os.path.isdir(target):  # noqa: PTH112 - unlike Path's, it is False where looking is not permitted
            raise PatchSieveError(f"cannot write {target}: it is a folder; name a file")
        folder = next(above for above in target.absolute().parents if os.path.lexists(above))
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except NotADirectoryError as error:
            raise PatchSieveError(f"cannot write {target}: {folder} is a file, not a folder") from error
        except OSError as error:
            raise PatchSieveError(f"cannot write {target}: {error.strerror or error}") from error


def _finish(temporary: Path, target: Path) -> None:
    # mkstemp makes private files; a result is as readable as any file the user makes.
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)


def write_text(target: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, whole or not at all. Raises `PatchSieveError`."""
    write_bytes(target, text.encode("utf-8"))


def write_bytes(target: Path | str, data: bytes) -> None:
    """Write `data`, whole or not at all. Raises `PatchSieveError`."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)
