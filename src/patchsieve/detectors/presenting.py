"""From a detector's scores to what a prediction says: maps in the model frame, where they are highest, and limits."""

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.decisions import Result, peaks_of
from patchsieve.detectors.maps import MapSmoother
from patchsieve.features import Embeddings
from patchsieve.images import ImageSet, Skipped

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector


def scored(model: "Detector", batch: Embeddings) -> Result:
    """Score a batch, which may be empty, and hold it against the model's thresholds."""
    started = perf_counter()
    if len(batch):
        scores, patch_scores = model.score_features(batch.features)
    else:
        scores, patch_scores = torch.empty(0), torch.empty(0, *batch.features.shape[1:3])
    share = (perf_counter() - started) / max(1, len(batch))
    seconds = batch.seconds + share
    return presented(model, batch.images, batch.sizes, seconds, scores, patch_scores, batch.skipped)


def presented(
    model: "Detector",
    images: ImageSet,
    sizes: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.float64],
    scores: torch.Tensor,
    patch_scores: torch.Tensor,
    skipped: tuple[Skipped, ...],
) -> Result:
    """Return the result of image scores `[N]` and patch scores `[N, H, W]`; the rest as in `Result`."""
    maps = smoother(model, patch_scores)(patch_scores).cpu().numpy()
    boxes = np.array([model.extractor_.preprocessing.box(*size) for size in sizes]).reshape(-1, 4)
    return Result(
        images=images,
        scores=scores.cpu().numpy(),
        maps=maps,
        boxes=boxes,
        sizes=sizes,
        peaks=peaks_of(maps, boxes, sizes),
        seconds=seconds,
        threshold=model.threshold_,
        pixel_threshold=model.pixel_threshold_,
        skipped=skipped,
    )


def smoother(model: "Detector", patch_scores: torch.Tensor) -> MapSmoother:
    """Return what makes anomaly maps of patch scores `[N, H, W]`."""
    height, width = patch_scores.shape[1:]
    return MapSmoother((height, width), model.extractor_.preprocessing.frame, model.sigma)
