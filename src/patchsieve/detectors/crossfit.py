"""Scores of training images by models that have not seen them."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import Progress, staged

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector

_SCORING_BATCH = 16


def out_of_sample(
    detector: "Detector",
    features: PatchFeatures,
    progress: Progress,
    title: str = "calibration on unseen images",
) -> tuple[npt.NDArray[np.float32], torch.Tensor]:
    """Split the images into folds; score each fold by a model fitted on the others.

    The models of the folds know a little less than the final model, so their scores are a little higher: a
    threshold from them errs on the side of fewer false alarms.

    Args:
        detector: its configuration, fold count and seed are used; it is not changed.
        features: `[N, H, W, C]`, N >= 2.
        progress: shown one unit an image.
        title: of the stage that is shown.

    Returns:
        Image scores float32 `[N]` and patch scores float32 `[N, h, w]`, on the CPU.
    """
    images = len(features)
    scores = np.empty(images, dtype=np.float32)
    # How fine a detector's map is, is its own affair.
    patch_maps: torch.Tensor | None = None
    order = np.random.default_rng(detector.seed).permutation(images)
    with staged(progress, title, images) as stage:
        for fold in np.array_split(order, min(detector.folds, images)):
            rest = np.setdiff1d(order, fold)
            model = detector.for_fewer(len(rest), images)
            model.learn(features.take(rest))
            done = 0
            for batch in features.take(fold).batches(_SCORING_BATCH):
                part = fold[done : done + len(batch)]
                image_scores, patch_scores = model.score(batch)
                scores[part] = image_scores.cpu().numpy()
                if patch_maps is None:
                    patch_maps = torch.empty(images, *patch_scores.shape[1:])
                patch_maps[torch.from_numpy(part)] = patch_scores.cpu()
                done += len(batch)
                stage.advance(len(batch))
    assert patch_maps is not None, "there are at least two images, so at least two folds"
    return scores, patch_maps
