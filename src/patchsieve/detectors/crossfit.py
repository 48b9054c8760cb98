"""Scores of training images by models that have not seen them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import Progress, staged

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector

_SCORING_BATCH = 16

# Image scores `[B]` and patch scores `[B, h, w]` of features `[B, H, W, C]`.
Scoring = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Scored = tuple[npt.NDArray[np.float32], torch.Tensor]


def out_of_sample(
    detector: "Detector",
    features: PatchFeatures,
    progress: Progress,
    title: str = "calibration on unseen images",
) -> Scored:
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

    def learnt(rest: PatchFeatures) -> Scoring:
        model = detector.for_fewer(len(rest), images)
        model.learn(rest)
        return model.score

    with staged(progress, title, images) as stage:
        return by_folds(features, detector.folds, detector.seed, learnt, stage.advance)


def by_folds(
    features: PatchFeatures,
    folds: int,
    seed: int,
    learnt: Callable[[PatchFeatures], Scoring],
    advance: Callable[[int], object] = lambda _: None,
) -> Scored:
    """Score each image by what was learnt from the other folds.

    Args:
        features: `[N, H, W, C]`, N >= 1.
        folds: into how many parts they are split, at most N; with one, nothing is learnt from.
        seed: of the split.
        learnt: gives the scoring that was learnt from some of the images.
        advance: told how many more images are scored.

    Returns:
        Image scores float32 `[N]` and patch scores float32 `[N, h, w]`, on the CPU.
    """
    images = len(features)
    scores = np.empty(images, dtype=np.float32)
    # How fine a detector's map is, is its own affair.
    patch_maps: torch.Tensor | None = None
    order = np.random.default_rng(seed).permutation(images)
    for fold in np.array_split(order, min(folds, images)):
        score = learnt(features.take(np.setdiff1d(order, fold)))
        # In order, images of one batch lie near to each other, wherever that is.
        fold = np.sort(fold)
        done = 0
        for image_scores, patch_scores in features.take(fold).map_batches(score, _SCORING_BATCH):
            part = fold[done : done + len(image_scores)]
            scores[part] = image_scores.cpu().numpy()
            if patch_maps is None:
                patch_maps = torch.empty(images, *patch_scores.shape[1:])
            patch_maps[torch.from_numpy(part)] = patch_scores.cpu()
            done += len(part)
            advance(len(part))
    assert patch_maps is not None, "there is at least one image, so at least one fold"
    return scores, patch_maps
