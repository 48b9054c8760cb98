"""Scores of images that a fit learnt from and of images that it left out, on equal terms."""

import numpy as np
import numpy.typing as npt

from patchsieve.detectors import Detector, crossfit
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress, staged

_SCORING_BATCH = 16

Scores = npt.NDArray[np.float32]


def fold_scores(
    detector: Detector, learnt: PatchFeatures, others: PatchFeatures, progress: Progress = SILENT
) -> tuple[Scores, Scores]:
    """Score images by models of folds: those of one fold, and as many of the others, by a model of the other folds.

    What scores an image that was learnt from, as if it had not been, knows less than the final model, and its scores
    are a little higher. Were the other images scored by the final model, good images would seem more defective than
    they are: on 20 good and 6 bad images of the demonstration an AUROC of 0.72 instead of 0.89. So the others are
    dealt out to the folds.

    Args:
        detector: its configuration, fold count and seed are used; it is not changed.
        learnt: features `[N, H, W, C]` of the images that were learnt from, N >= 2.
        others: features `[M, H, W, C]` of the others.
        progress: shown one unit an image.

    Returns:
        float32 `[N]` and `[M]`.
    """
    folds = min(detector.folds, len(learnt))
    # Not the first of them to the first fold: names that stand together look alike.
    dealt = np.array_split(np.random.default_rng(detector.seed).permutation(len(others)), folds)
    found = np.empty(len(learnt), np.float32), np.empty(len(others), np.float32)
    with staged(progress, "scoring by models of folds", len(learnt) + len(others)) as stage:
        for (fold, model), part in zip(crossfit.fold_models(detector, learnt), dealt, strict=True):
            for features, scores, chosen in zip((learnt, others), found, (fold, part), strict=True):
                for first in range(0, len(chosen), _SCORING_BATCH):
                    few = chosen[first : first + _SCORING_BATCH]
                    scores[few] = model.score_features(features.take(few))[0].cpu().numpy()
                    stage.advance(len(few))
    return found
