"""Files that are done are moved: whole or not at all, also to another file system, and never over another file."""

import errno
import hashlib
import os
import shutil
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from patchsieve.runtime.streams.arrivals import Signature
from patchsieve.runtime.streams.reading import signature_of


class OccupiedError(Exception):
    """Another file has the place that was meant."""


def free_place(folder: Path, name: str, number: int, taken: Container[Path] = ()) -> Path:
    """Return a path below a folder that no file has: the name itself, or one with the part's number in it.

    Args:
        folder: where to.
        name: of the image.
        number: of the part.
        taken: paths that others will have.
    """
    plain = folder / name
    place, more = plain, 0
    while os.path.lexists(place) or place in taken:
        place = plain.with_name(f"{plain.stem}~{number}{f'.{more}' if more else ''}{plain.suffix}")
        more += 1
    return place


def move(source: Path, target: Path, signature: Signature, sha256: str) -> bool:
    """Move a file, or end a move that was interrupted at any moment.

    The target is first made as an empty file, which fails where there is one, and then replaced in one step; to
    another file system the content is copied beside it first.

    Args:
        source: what to move.
        target: where to; missing folders are made.
        signature: of the file that is meant: a newer one of the same name stays where it is.
        sha256: of its content.

    Returns:
        Whether the file is at its target now; False where it is neither here nor there.

    Raises:
        OccupiedError: another file is at the target.
        OSError: it cannot be moved now.
    """
    if _signature(source) != signature:
        return _holds(target, signature, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.touch(exist_ok=False)
    except FileExistsError:
        if _holds(target, signature, sha256):
            source.unlink()  # it had been copied to another file system; this was still to be done
            return True
        if target.stat().st_size:
            raise OccupiedError(target) from None
    try:
        return _replace(source, target, signature)
    except BaseException:
        # The place that was held free is given back, unless it was filled.
        with suppress(OSError):
            if not target.stat().st_size:
                target.unlink()
        raise


def delete(source: Path, signature: Signature) -> None:
    """Delete a file; a newer one of the same name stays. Raises `OSError`."""
    if _signature(source) == signature:
        source.unlink()


def _replace(source: Path, target: Path, signature: Signature) -> bool:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        source.unlink()
        return True
    if _signature(target) != signature and not os.path.lexists(source):
        # A new part took the name in the last moment. It has not been looked at: it goes back.
        target.replace(source)
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    """Replace the target by a copy in one step."""
    copy = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(source, copy)
        with copy.open("rb+") as stream:
            os.fsync(stream.fileno())
        copy.replace(target)
    finally:
        copy.unlink(missing_ok=True)


def _signature(path: Path) -> Signature | None:
    try:
        return signature_of(path.stat())
    except FileNotFoundError:
        return None


def _holds(path: Path, signature: Signature, sha256: str) -> bool:
    """Say whether a file has the content that is meant."""
    try:
        if path.stat().st_size != signature.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
