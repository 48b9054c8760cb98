"""One file to pixels and hash from the same bytes, so that what is judged is what is recorded."""

import hashlib
import os
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from patchsieve.errors import BrokenImageError
from patchsieve.images import MAX_PIXELS
from patchsieve.images.collection import Pixels
from patchsieve.images.decoding import pixels_of
from patchsieve.images.opening import in_words, open_file, open_header
from patchsieve.runtime.streams.arrivals import Signature

_JPEG, _END_OF_JPEG = b"\xff\xd8\xff", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a file.

    Attributes:
        signature: of the file when its last byte had been read; None where it is gone.
        pixels: uint8 RGB `[H, W, 3]`, upright; None where they cannot be had.
        problem: why not, in words.
        sha256: of the bytes, in hex; empty where they cannot be read.
    """

    signature: Signature | None
    pixels: Pixels | None = field(default=None, repr=False)
    problem: str = ""
    sha256: str = ""


def read_file(path: Path) -> Reading:
    """Read, hash and decode a file. Nothing about it raises."""
    sha256 = ""
    try:
        with open_file(path) as stream, in_words(path, "file"):
            data = stream.read()
            signature = signature_of(os.fstat(stream.fileno()))
        sha256 = hashlib.sha256(data).hexdigest()
        return Reading(signature, _pixels(path, data), sha256=sha256)
    except BrokenImageError as error:
        try:
            return Reading(signature_of(path.stat()), None, error.reason, sha256)
        except FileNotFoundError:
            return Reading(None)
        except OSError:
            return Reading(Signature(-1, -1), None, error.reason)


def hash_file(path: Path, problem: str) -> Reading:
    """Hash a file in small memory, without decoding it. Nothing about it raises."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return Reading(signature_of(os.fstat(stream.fileno())), None, problem, digest)
    except FileNotFoundError:
        return Reading(None)
    except OSError:
        return Reading(Signature(-1, -1), None, problem)


def absolute(path: Path) -> str:
    """Return the one spelling under which a path is remembered; links in it are not followed."""
    return os.path.abspath(path)  # noqa: PTH100 - they may lead elsewhere tomorrow


def signature_of(status: os.stat_result) -> Signature:
    """Return what tells a file from a changed one."""
    return Signature(status.st_size, status.st_mtime_ns)


def _pixels(path: Path, data: bytes) -> Pixels:
    if data.startswith(_JPEG) and data[-16:].count(0) == 16 and not data.rstrip(b"\0").endswith(_END_OF_JPEG):
        # A file that was made as long as it will be before it is filled. The decoder takes the zeros for grey.
        raise BrokenImageError(path, "truncated JPEG (its end is all zeros)")
    image = open_header(BytesIO(data), path, MAX_PIXELS)
    with in_words(path, image.format or "image"):
        return pixels_of(image)
