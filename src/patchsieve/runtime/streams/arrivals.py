"""What arrives to be looked at, and where it comes from."""

from dataclasses import dataclass, field
from typing import Protocol

from patchsieve.images.collection import Pixels


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells a file from a changed one without reading it: size in bytes and time of the last change in ns."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One part: a file that is complete, or a frame.

    Attributes:
        name: of the image in all results: the POSIX path below the folder; video or camera and frame.
        source: absolute path of the file; address of the camera without its password.
        pixels: uint8 RGB `[H, W, 3]`; None where there are none to score.
        problem: why there are no pixels, in words; empty where there are.
        signature: of the file.
        sha256: of the file's content, in hex; empty for frames and where it cannot be read.
        repeated: the same content was the last that came under this name: it is known already.
        frame: number of the frame, from 0.
        at: time of the frame in seconds from the start of its video.
    """

    name: str
    source: str
    pixels: Pixels | None = field(default=None, repr=False)
    problem: str = ""
    signature: Signature | None = None
    sha256: str = ""
    repeated: bool = False
    frame: int | None = None
    at: float | None = None


class Source(Protocol):
    """Where parts come from.

    Attributes:
        moves: whether its parts are files that can be moved or deleted when they are done.
        ended: nothing will come any more.
        pause: seconds to wait before asking again where nothing had arrived.
    """

    moves: bool

    @property
    def ended(self) -> bool:
        """Nothing will come any more."""

    @property
    def pause(self) -> float:
        """Seconds to wait before asking again where nothing had arrived."""

    def take(self, most: int) -> list[Arrival]:
        """Return what has arrived since, at most so many, without waiting for more."""

    def close(self) -> None:
        """Stop reading."""
