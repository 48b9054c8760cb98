"""What a prediction says."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from patchsieve.images import Skipped
from patchsieve.images.collection import ImageSet

GOOD, DEFECT = "good", "defect"


@dataclass(frozen=True)
class Result:
    """Scores, maps and verdicts of N images.

    Attributes:
        images: the N images scored, in order; those that could not be decoded are in `skipped`.
        scores: anomaly scores float32 `[N]`, on the detector's raw distance scale.
        maps: anomaly maps float32 `[N, h, w]`, in the model frame.
        boxes: float64 `[N, 4]`, (left, top, right, bottom) in pixels of each image: what the model frame shows.
        peaks: int64 `[N, 2]`, (x, y) in pixels of each image: where the map is highest.
        seconds: float64 `[N]`, time per image, decoding to map.
        threshold: an image with a higher score is called defective.
        skipped: images that could not be decoded.
    """

    images: ImageSet = field(repr=False)
    scores: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32] = field(repr=False)
    boxes: npt.NDArray[np.float64] = field(repr=False)
    peaks: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    threshold: float
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """ "good" or "defect" for each image."""
        return tuple(DEFECT if score > self.threshold else GOOD for score in self.scores)

    @classmethod
    def joined(cls, parts: "Sequence[Result]") -> "Result":
        """Put the results of several batches, at least one, into one."""
        first = parts[0]
        return cls(
            images=first.images.with_records([record for part in parts for record in part.images]),
            scores=np.concatenate([part.scores for part in parts]),
            maps=np.concatenate([part.maps for part in parts]),
            boxes=np.concatenate([part.boxes for part in parts]),
            peaks=np.concatenate([part.peaks for part in parts]),
            seconds=np.concatenate([part.seconds for part in parts]),
            threshold=first.threshold,
            skipped=tuple(skip for part in parts for skip in part.skipped),
        )

    def ranked(self) -> npt.NDArray[np.int64]:
        """Return the indices of the images by falling score, ties in order."""
        return np.argsort(-self.scores, kind="stable")
