"""Scores of training images by models that have not seen them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features.patches import PatchFeatures
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, Stage, staged

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector

_SCORING_BATCH = 16
CALIBRATION = "calibration on unseen images"

# Image scores `[B]` and patch scores `[B, h, w]` of features `[B, H, W, C]`.
Scores = tuple[torch.Tensor, torch.Tensor]
Scoring = Callable[[torch.Tensor], Scores]
Scored = tuple[npt.NDArray[np.float32], torch.Tensor]


def out_of_sample(
    detector: "Detector", features: PatchFeatures, progress: Progress, title: str = CALIBRATION
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
    with staged(progress, title, len(features)) as stage:
        models = fold_models(detector, features)
        return _by_parts(features, ((fold, model.score) for fold, model in models), stage)


def fold_models(
    detector: "Detector", features: PatchFeatures
) -> Iterator[tuple[npt.NDArray[np.int64], "Detector"]]:
    """Yield which of the images, int64 `[n]`, make a fold, and a model that was fitted on the others."""
    for fold, rest in _folds(len(features), detector.folds, detector.seed):
        model = detector.for_fewer(len(rest), len(features))
        model.learn(features.take(rest))
        yield fold, model


def updated_by_folds(
    features: PatchFeatures, folds: int, seed: int, updated: Callable[[PatchFeatures], Scoring]
) -> Scored:
    """Score images that a model goes on learning from, each by what was learnt from the other folds.

    Args:
        features: `[N, H, W, C]`, N >= 1.
        folds: into how many parts they are split, at most N; with one, nothing is learnt from.
        seed: of the split.
        updated: gives the scoring of the model that has also learnt from some of the images.

    Returns:
        Image scores float32 `[N]` and patch scores float32 `[N, h, w]`, on the CPU.
    """
    split = _folds(len(features), folds, seed)
    parts = ((fold, updated(features.take(rest))) for fold, rest in split)
    return _by_parts(features, parts, SILENT.stage("", len(features)))


def leaving_one_out(
    score: Callable[[torch.Tensor, int], Scores],
    features: PatchFeatures,
    progress: Progress,
    title: str = CALIBRATION,
) -> Scored:
    """Score each image by one model that passes over what it has of that image.

    Args:
        score: scores an image `[1, H, W, C]`, given which of the training images it is.
        features: `[N, H, W, C]`.
        progress: shown one unit an image.
        title: of the stage that is shown.

    Returns:
        Image scores float32 `[N]` and patch scores float32 `[N, h, w]`, on the CPU.
    """

    def work(images: torch.Tensor, first: int) -> Scores:
        places = range(len(images))
        found = map_blocks(lambda place: score(images[place, None], first + place), places, images.device)
        return torch.cat([part[0] for part in found]).cpu(), torch.cat([part[1] for part in found]).cpu()

    done: list[Scores] = []
    with staged(progress, title, len(features)) as stage:
        for part in features.map_batches(work, _SCORING_BATCH):
            done.append(part)
            stage.advance(len(part[0]))
    return torch.cat([part[0] for part in done]).numpy(), torch.cat([part[1] for part in done])


def _folds(
    images: int, folds: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield each fold and the images of the others, both ascending."""
    order = np.random.default_rng(seed).permutation(images)
    for fold in np.array_split(order, min(folds, images)):
        # In order, images of one batch lie near to each other, wherever that is.
        yield np.sort(fold), np.setdiff1d(order, fold)


def _by_parts(
    features: PatchFeatures,
    parts: Iterator[tuple[npt.NDArray[np.int64], Scoring]],
    stage: Stage,
) -> Scored:
    images = len(features)
    scores = np.empty(images, dtype=np.float32)
    # How fine a detector's map is, is its own affair.
    patch_maps: torch.Tensor | None = None
    for part, score in parts:
        work = partial(_scored, score)
        done = 0
        for image_scores, patch_scores in features.take(part).map_batches(work, _SCORING_BATCH):
            places = part[done : done + len(image_scores)]
            scores[places] = image_scores.cpu().numpy()
            if patch_maps is None:
                patch_maps = torch.empty(images, *patch_scores.shape[1:])
            patch_maps[torch.from_numpy(places)] = patch_scores.cpu()
            done += len(places)
            stage.advance(len(places))
    assert patch_maps is not None, "there is at least one image, so at least one part"
    return scores, patch_maps


def _scored(score: Scoring, images: torch.Tensor, first: int) -> Scores:  # noqa: ARG001
    return score(images)
