"""Whether an exported graph says what the model says, on real images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patchsieve.decisions import GOOD
from patchsieve.detectors import Detector
from patchsieve.errors import ConfigError
from patchsieve.images import ImageRecord, ImageSet
from patchsieve.runtime.exported import ExportedModel

# The graph of a backbone in full precision says what the model says; beyond this it would be another model.
_SAME_SCORE = 1e-3
_SAME_MAP = 1e-2
# In lower precision it is refused where the usual score moves by more than this, or more of the verdicts change.
_MOST_MOVED = 0.1
_MOST_CHANGED = 0.1
_IMAGES = 12
_NOISE = 4


@dataclass(frozen=True)
class Parity:
    """What the same images score in the model on torch and in the exported graph.

    Attributes:
        engine: that ran the graph.
        images: how many.
        noise: whether they were noise, because none of the training images is where it was.
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
        """Score training images with both."""
        images = comparable(model, _IMAGES)
        noise = not images
        given: Any = _noise(model) if noise else images
        ours, theirs = model.predict(given), exported.predict(given)
        tiny = np.finfo(np.float32).tiny
        relative = np.abs(ours.scores - theirs.scores) / np.maximum(np.abs(ours.scores), tiny)
        highest = np.maximum(np.abs(ours.maps).max(axis=(1, 2)), tiny)
        maps = np.abs(ours.maps - theirs.maps).max(axis=(1, 2)) / highest
        near = np.abs(ours.scores - ours.threshold) <= _SAME_SCORE * abs(ours.threshold)
        differ = np.array(
            [(a == GOOD) != (b == GOOD) for a, b in zip(ours.verdicts, theirs.verdicts, strict=True)]
        )
        return cls(
            engine=exported.engine.name,
            images=len(ours),
            noise=noise,
            score=float(relative.max()),
            typical_score=float(np.median(relative)),
            map=float(maps.max()),
            changed=int((differ & ~near).sum()),
        )

    @property
    def same(self) -> bool:
        """Whether nothing but rounding is between the two."""
        return self.score <= _SAME_SCORE and self.map <= _SAME_MAP and not self.changed

    @property
    def in_words(self) -> str:
        """Say it in a sentence."""
        kind = "images of noise, no training image being where it was" if self.noise else "training images"
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


def _noise(model: Detector) -> Sequence[Any]:
    """Return images of noise, of a size that has to be resized."""
    height, width = model.extractor_.preprocessing.image_size
    shape = (_NOISE, height + height // 3, width + width // 5, 3)
    return list(np.random.default_rng(model.seed).integers(0, 256, shape, dtype=np.uint8))
