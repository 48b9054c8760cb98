"""Whether an exported graph says what the model says, on real images.

These are the training images, moved a little. As they are, a model knows them by heart: in a bank that holds all their
patches they are at distance 0, and PaDiM's covariances of few images have them where hardly anything else is. The least
rounding of a feature is large beside such a distance, and says nothing of images that are to come.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np

from patchsieve.decisions import GOOD
from patchsieve.detectors import Detector
from patchsieve.errors import ConfigError
from patchsieve.images import ImageRecord, ImageSet, Pixels, decode
from patchsieve.runtime.exported import ExportedModel

# The graph of a backbone in full precision says what the model says; beyond this it would be another model.
_SAME_SCORE = 1e-3
_SAME_MAP = 1e-2
# In lower precision it is refused where the usual score moves by more than this, or more of the verdicts change.
_MOST_MOVED = 0.1
_MOST_CHANGED = 0.1
_IMAGES = 12
_NOISE = 4
# So much of an image's height and width is cut off above and on the left. With it a bfloat16 backbone moved scores as
# much as it moved those of images that the model had not seen (3.3 to 4.5 %, 2.8 to 4.2 %); as they are, 12 to 95 %.
_MOVED = 1 / 16


@dataclass(frozen=True)
class Parity:
    """What the same images score in the model on torch and in the exported graph.

    Attributes:
        engine: that ran the graph.
        images: how many.
        noise: whether they were noise, since none of the training images is where it was.
        score: largest difference of a score, as a share of the score.
        typical_score: its median.
        map: largest difference on a map, as a share of the highest of the map.
        changed: images whose verdict differs, those aside whose score is the threshold but for rounding.
    """

    engine: str
    images: int
    noise: bool
    score: float
    typical_score: float
    map: float
    changed: int

    @classmethod
    def measured(cls, model: Detector, exported: ExportedModel) -> "Parity":
        """Score training images with both, one by one: they may be large."""
        images = comparable(model, _IMAGES)
        noise = not images
        pairs = [
            (model.predict([pixels]), exported.predict([pixels]))
            for pixels in (_noise(model) if noise else _moved(images))
        ]
        scores = np.array([[one.scores[0] for one in pair] for pair in pairs], np.float64)
        maps = np.array([[one.maps[0] for one in pair] for pair in pairs])
        tiny = np.finfo(np.float32).tiny
        relative = np.abs(scores[:, 0] - scores[:, 1]) / np.maximum(np.abs(scores[:, 0]), tiny)
        highest = np.maximum(np.abs(maps[:, 0]).max(axis=(1, 2)), tiny)
        apart = np.abs(maps[:, 0] - maps[:, 1]).max(axis=(1, 2)) / highest
        near = np.abs(scores[:, 0] - model.threshold_) <= _SAME_SCORE * abs(model.threshold_)
        differ = np.array(
            [(ours.verdicts[0] == GOOD) != (theirs.verdicts[0] == GOOD) for ours, theirs in pairs]
        )
        return cls(
            engine=exported.engine.name,
            images=len(pairs),
            noise=noise,
            score=float(relative.max()),
            typical_score=float(np.median(relative)),
            map=float(apart.max()),
            changed=int((differ & ~near).sum()),
        )

    @property
    def same(self) -> bool:
        """Whether nothing but rounding is between the two."""
        return self.score <= _SAME_SCORE and self.map <= _SAME_MAP and not self.changed

    @property
    def in_words(self) -> str:
        """Say it in a sentence."""
        kind = (
            "images of noise, no training image being where it was"
            if self.noise
            else "training images, moved a little"
        )
        return (
            f"on {self.images} {kind}, {self.engine} and torch differ by up to {100 * self.score:.2g} % in scores "
            f"(typically {100 * self.typical_score:.2g} %), {100 * self.map:.2g} % in maps, and in "
            f"{self.changed} verdicts"
        )

    def require(self, *, exact: bool) -> None:
        """Raise `ConfigError` where the graph is not to be used.

        Args:
            exact: whether only rounding may differ; else the usual score may move by a tenth, and so many verdicts
                change.
        """
        if exact and not self.same:
            raise ConfigError(
                f"the exported graph does not score as the model does: {self.in_words}; nothing is written"
            )
        if self.typical_score > _MOST_MOVED or self.changed > _MOST_CHANGED * self.images:
            raise ConfigError(
                f"this precision does harm: {self.in_words}; nothing is written: export with --precision fp32"
            )

    def header(self) -> dict[str, Any]:
        """Return it for the metadata."""
        return asdict(self)


def comparable(model: Detector, most: int) -> ImageSet:
    """Return training images that are still files, at most so many, evenly from the lowest score to the highest."""
    training = model.training_
    order = np.argsort(training.scores, kind="stable")
    there = [index for index in order.tolist() if _is_file(training.images[index])]
    chosen = sorted({there[round(place)] for place in np.linspace(0, len(there) - 1, min(most, len(there)))})
    return training.images.with_records([training.images[index] for index in chosen])


def _is_file(record: ImageRecord) -> bool:
    return record.path is not None and record.path.is_file()


def _moved(images: ImageSet) -> Iterator[Pixels]:
    """Yield images without their first rows and columns."""
    for record in images:
        pixels = decode(record)
        top, left = (ceil(length * _MOVED) if length > 1 else 0 for length in pixels.shape[:2])
        yield pixels[top:, left:]


def _noise(model: Detector) -> Iterator[Pixels]:
    """Yield images of noise, of a size that has to be resized."""
    height, width = model.extractor_.preprocessing.image_size
    shape = (height + height // 3, width + width // 5, 3)
    rng = np.random.default_rng(model.seed)
    for _ in range(_NOISE):
        yield rng.integers(0, 256, shape, dtype=np.uint8)
