"""What a prediction says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.regions import Region, find_regions
from patchsieve.images import Skipped
from patchsieve.images.collection import ImageSet

GOOD, REVIEW, DEFECT = "good", "review", "defect"


@dataclass(frozen=True)
class Result:
    """Scores, maps and verdicts of N images.

    Attributes:
        images: the N images scored, in order; those that could not be decoded are in `skipped`.
        scores: anomaly scores float32 `[N]`, on the detector's raw distance scale.
        maps: anomaly maps float32 `[N, h, w]`, in the model frame.
        boxes: float64 `[N, 4]`, (left, top, right, bottom) in pixels of each image: what the model frame shows.
        sizes: int64 `[N, 2]`, (height, width) of each image in pixels.
        peaks: int64 `[N, 2]`, (x, y) in pixels of each image: where the map is highest.
        seconds: float64 `[N]`, time per image, decoding to map.
        threshold: an image with a higher score is called defective.
        pixel_threshold: what is higher on the map of an image that is not called good is outlined as a region; maps
            have a scale of their own.
        skipped: images that could not be decoded.
        review: scores (low, high): what is above the first and not above the second is neither called good nor
            defective but "review", for people to look at; None for no such verdict.
    """

    images: ImageSet = field(repr=False)
    scores: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32] = field(repr=False)
    boxes: npt.NDArray[np.float64] = field(repr=False)
    sizes: npt.NDArray[np.int64] = field(repr=False)
    peaks: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    threshold: float
    pixel_threshold: float
    skipped: tuple[Skipped, ...] = ()
    review: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """ "good" or "defect" for each image; where a review was asked for, "review" for those near the threshold."""
        low, high = self.review or (self.threshold, self.threshold)
        return tuple(
            DEFECT if score > high else REVIEW if score > low else GOOD for score in map(float, self.scores)
        )

    @classmethod
    def joined(cls, parts: "Sequence[Result]") -> "Result":
        """Put the results of several batches, at least one, into one."""
        first = parts[0]
        return cls(
            images=first.images.with_records([record for part in parts for record in part.images]),
            scores=np.concatenate([part.scores for part in parts]),
            maps=np.concatenate([part.maps for part in parts]),
            boxes=np.concatenate([part.boxes for part in parts]),
            sizes=np.concatenate([part.sizes for part in parts]),
            peaks=np.concatenate([part.peaks for part in parts]),
            seconds=np.concatenate([part.seconds for part in parts]),
            threshold=first.threshold,
            pixel_threshold=first.pixel_threshold,
            skipped=tuple(skip for part in parts for skip in part.skipped),
            review=first.review,
        )

    def take(self, indices: Sequence[int]) -> "Result":
        """Return the results of some of the images, in the given order; what was skipped is none of them."""
        rows = np.asarray(indices, dtype=np.intp)
        return replace(
            self,
            images=self.images.with_records([self.images.records[row] for row in rows]),
            scores=self.scores[rows],
            maps=self.maps[rows],
            boxes=self.boxes[rows],
            sizes=self.sizes[rows],
            peaks=self.peaks[rows],
            seconds=self.seconds[rows],
            skipped=(),
        )

    def ranked(self) -> npt.NDArray[np.int64]:
        """Return the indices of the images by falling score, ties in order."""
        return np.argsort(-self.scores, kind="stable")

    def regions(self, min_area: float = 0.0) -> tuple[tuple[Region, ...], ...]:
        """Return for each image the regions whose map is above `pixel_threshold`, the largest peak first.

        Whether there is a defect, is for the score to say: an image whose verdict is "good" has no regions.

        Args:
            min_area: regions of a smaller area, in pixels of the image, are left out.
        """
        return tuple(
            ()
            if verdict == GOOD
            else find_regions(anomaly_map, tuple(box), tuple(size), self.pixel_threshold, min_area)
            for anomaly_map, box, size, verdict in zip(
                self.maps, self.boxes.tolist(), self.sizes.tolist(), self.verdicts, strict=True
            )
        )


def peaks_of(
    maps: npt.NDArray[np.float32],
    boxes: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Find where each map is highest, as (x, y) in the pixels of its image: int64 `[N, 2]`."""
    height, width = maps.shape[1:]
    rows, columns = np.divmod(maps.reshape(len(maps), height * width).argmax(axis=1), width)
    x = boxes[:, 0] + (columns + 0.5) / width * (boxes[:, 2] - boxes[:, 0])
    y = boxes[:, 1] + (rows + 0.5) / height * (boxes[:, 3] - boxes[:, 1])
    limits = np.stack([sizes[:, 1], sizes[:, 0]], axis=1) - 1
    return np.minimum(np.stack([x, y], axis=1).astype(np.int64), limits)
