"""The figures of a cell, under the names of `METRICS`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from patchsieve.evaluation.bench.cells import METRICS
from patchsieve.evaluation.metrics import (
    AT_THE_THRESHOLD,
    image_metrics,
    outlier_auroc,
    pixel_metrics,
    precision_at_n,
    rank_images,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]

_RANKING = {
    "image_auroc": "auroc",
    "image_average_precision": "average_precision",
    "image_f1_max": "f1_max",
    "image_youden_max": "youden_max",
    "recall_at_1_percent": "recall_at_1_percent",
    "recall_at_5_percent": "recall_at_5_percent",
}
_COUNTED = (
    "threshold",
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
)


def figures(
    labels: Bools,
    scores: Floats,
    threshold: float | None,
    maps: Sequence[Floats],
    masks: Sequence[Bools | None],
    training_noise: Bools | None = None,
    training_scores: Floats | None = None,
) -> dict[str, float | None]:
    """Judge a detector by its test images and, where they are given, by its training images.

    Args:
        labels: true for defective, `[N]`.
        scores: anomaly scores `[N]`.
        threshold: the operating point; None leaves out all that depends on one.
        maps: N anomaly maps `[h, w]`; may be lazy.
        masks: N masks of the shapes of the maps, all False for a good image; None for an image that has no usable
            mask, which the pixel figures leave out. Where no defective image has one they are None.
        training_noise: true for the training images that are truly defective, `[M]`.
        training_scores: out-of-sample scores of the training images `[M]`; None leaves out the suspects.

    Returns:
        Figure by its name in `METRICS`, in the same order; None where the data does not define it.

    Raises:
        ValueError: as `image_metrics` and `pixel_metrics`, or one of the two about training is missing.
    """
    if (training_noise is None) != (training_scores is None):
        raise ValueError(
            "suspects need both the scores of the training images and which of them are defective"
        )
    ranking = asdict(rank_images(labels, scores))
    found: dict[str, float | None] = {name: ranking[field] for name, field in _RANKING.items()}
    found |= _pixel_figures(maps, masks)
    if threshold is not None:
        judged = image_metrics(labels, scores, threshold)
        found |= {name: getattr(judged, name) for name in (*AT_THE_THRESHOLD, *_COUNTED)}
    if training_noise is not None and training_scores is not None:
        found["suspects_auroc"] = outlier_auroc(training_noise, training_scores)
        found["suspects_precision_at_n"] = precision_at_n(training_noise, training_scores)
    return {name: found[name] for name in METRICS if name in found}


def _pixel_figures(maps: Sequence[Floats], masks: Sequence[Bools | None]) -> dict[str, float | None]:
    if len(maps) != len(masks):
        raise ValueError(f"{len(maps)} maps but {len(masks)} masks")
    chosen = [index for index, mask in enumerate(masks) if mask is not None]
    pixel = pixel_metrics(_Chosen(maps, chosen), [mask for mask in masks if mask is not None])
    return {
        "pixel_auroc": pixel.auroc,
        "pixel_average_precision": pixel.average_precision,
        "pixel_f1_max": pixel.f1_max,
        "aupro": pixel.aupro,
    }


class _Chosen(Sequence[Floats]):
    """Some of the maps, each read when it is asked for."""

    def __init__(self, maps: Sequence[Floats], indices: Sequence[int]) -> None:
        self._maps = maps
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        return self._maps[self._indices[index]]
