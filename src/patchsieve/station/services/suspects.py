"""Training images that look defective, as the review shows them, and what people said of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

MarkVerdict = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A training image that looks defective to models that have not seen it.

    Attributes:
        rank: 1 for the worst; the same as long as the version lives.
        name: among the training images.
        score: anomaly score, out of sample.
        above: whether it is above the default threshold of now.
        file_there: whether its file is still where the model was fitted on it.
        verdict: "keep" or "drop" where a person said so.
        by: who it was.
        at: when.
    """

    rank: int
    name: str
    score: float
    above: bool
    file_there: bool
    verdict: MarkVerdict | None
    by: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Suspects:
    """The suspects of a version.

    Attributes:
        version: its number.
        threshold: of its default operating point, now.
        training_images: how many it was fitted on.
        above: how many of them are above the threshold, less those kept.
        kept: names of those that earlier versions were told to keep; they are no suspects.
        suspects: worst first.
    """

    version: int
    threshold: float
    training_images: int
    above: int
    kept: tuple[str, ...]
    suspects: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture of the evidence against a suspect.

    Attributes:
        caption: what it shows.
        png: the picture.
    """

    caption: str
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person said of a training image.

    Attributes:
        name: of the image.
        verdict: "keep", "drop", or None: neither any more.
        by: who it was.
        at: when.
        undoes: whether it took another mark back.
    """

    name: str
    verdict: MarkVerdict | None
    by: str
    at: datetime
    undoes: bool
