"""Where on the maps to draw the outlines, found from masks; and how good the outlines are."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.evaluate import Evaluation

_TOUCHING = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class Outlining:
    """How well the pixels above a threshold are those of the masks, in the model frame, all images together.

    Verdicts are left aside: the pixels of images that are called good count too.

    Attributes:
        threshold: of the maps.
        precision: share of the pixels above it that are defective; None where there is none above.
        recall: share of the defective pixels that are above it.
        f1: harmonic mean of the two.
        false_positives: share of the good pixels that are above it.
        touched: share of the defective regions (8-connected) of which some pixel is above it.
    """

    threshold: float
    precision: float | None
    recall: float
    f1: float
    false_positives: float
    touched: float


def best_f1_threshold(evaluation: Evaluation) -> float:
    """Return the pixel threshold with the best F1 of all pixels on these masks.

    Raises:
        ImagesError: there are no masks.
    """
    _require_masks(evaluation)
    assert evaluation.pixel.f1_max_threshold is not None, "there are defective and good pixels"
    return evaluation.pixel.f1_max_threshold


def false_positive_threshold(evaluation: Evaluation, rate: float) -> float:
    """Return the lowest pixel threshold that at most a share `rate` of the good pixels exceeds: no mask is needed.

    Good pixels are those of good images and, where there are masks, the others of defective images.

    Raises:
        ConfigError: `rate` is out of range.
        ImagesError: there are no good pixels.
    """
    if not 0 <= rate < 1:
        raise ConfigError(f"the false positive rate is {rate}: it must be at least 0 and below 1, e.g. 0.001")
    good = [
        anomaly_map[~mask]
        for anomaly_map, mask in zip(evaluation.result.maps, evaluation.masks, strict=True)
        if mask is not None
    ]
    scores = np.concatenate(good) if good else np.empty(0, np.float32)
    if not len(scores):
        raise ImagesError(
            "there are no pixels known to be good: add good images, or masks of the defective ones"
        )
    above = int(rate * len(scores))
    return float(np.partition(scores, len(scores) - 1 - above)[len(scores) - 1 - above])


def outlining(evaluation: Evaluation, threshold: float) -> Outlining:
    """Judge a pixel threshold by masks. Raises `ImagesError` where there are none."""
    _require_masks(evaluation)
    pixel = evaluation.pixel
    hits = above = touched = 0
    for anomaly_map, mask in zip(evaluation.result.maps, evaluation.masks, strict=True):
        if mask is None:
            continue
        found = anomaly_map > threshold
        above += int(found.sum())
        hits += int((found & mask).sum())
        labels, _ = ndimage.label(mask, _TOUCHING)
        touched += len(np.unique(labels[found & mask]))
    return Outlining(
        threshold=threshold,
        precision=hits / above if above else None,
        recall=hits / pixel.defective,
        f1=2 * hits / (above + pixel.defective),
        false_positives=(above - hits) / pixel.good,
        touched=touched / pixel.regions,
    )


def _require_masks(evaluation: Evaluation) -> None:
    if not evaluation.pixel.regions or not evaluation.pixel.good:
        raise ImagesError(
            "there are no masks with a defect that the model sees: outlines can only be judged by masks; "
            "--false-positives needs good images alone"
        )
