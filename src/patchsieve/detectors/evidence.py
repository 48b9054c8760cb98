"""Why a training image is suspect: its worst patch, and what normal patches look like beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from patchsieve.bank import MemoryBank
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.base import Detector
from patchsieve.features import Embeddings

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A patch to compare a suspect's worst patch with.

    Attributes:
        image: which training image it is in.
        cell: (row, column) of the patch.
        distance: from the suspect's patch, between features; None where none was measured.
    """

    image: int
    cell: Cell
    distance: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a training image being defective, to be judged by a person.

    Attributes:
        image: which training image it is.
        cell: (row, column) of its worst patch, to models that have not seen the image.
        grid: (rows, columns) that the patches are counted on.
        neighbours: of the memory bank, the nearest patch of each of the nearest other images, nearest first. Of a
            detector without a bank the patches at the same place in the images that look most normal.
    """

    image: int
    cell: Cell
    grid: Cell
    neighbours: tuple[Neighbour, ...]


def evidence(model: Detector, images: Sequence[int], neighbours: int = 3) -> dict[int, Evidence]:
    """Find the evidence for some training images.

    A bank holds no features of what the sieve took out, so the images are embedded again.

    Args:
        model: fitted, with its training images where they were.
        images: which of the training images.
        neighbours: patches to compare each with.

    Returns:
        By training image. Images that cannot be read any more are missing where they have to be embedded.
    """
    training = model.training_
    maps = training.patch_maps
    grid = int(maps.shape[1]), int(maps.shape[2])
    worst = {image: divmod(int(maps[image].argmax()), grid[1]) for image in images}
    if not isinstance(model, BankDetector) or grid != model.extractor_.shape[:2]:
        calm = [int(image) for image in np.argsort(training.scores, kind="stable")]
        return {
            image: Evidence(image, cell, grid, _same_place(image, cell, calm, neighbours))
            for image, cell in worst.items()
        }
    found: dict[int, Evidence] = {}
    at = {training.images[image].name: image for image in images}
    records = training.images.with_records([training.images[image] for image in images])
    for batch in model.extractor_.batches(records):
        for image, patch in _worst_patches(batch, at, worst):
            nearest = _nearest(model.bank_, patch, image, neighbours)
            found[image] = Evidence(image, worst[image], grid, nearest)
    return found


def _same_place(image: int, cell: Cell, calm: Sequence[int], count: int) -> tuple[Neighbour, ...]:
    others = [other for other in calm if other != image][:count]
    return tuple(Neighbour(other, cell, None) for other in others)


def _worst_patches(
    batch: Embeddings, at: dict[str, int], worst: dict[int, Cell]
) -> list[tuple[int, torch.Tensor]]:
    """Return the training image and the feature `[C]` of the worst patch, for each image of a batch."""
    features = batch.features.tensor()
    return [
        (at[record.name], features[place][worst[at[record.name]]])
        for place, record in enumerate(batch.images)
    ]


def _nearest(bank: MemoryBank, patch: torch.Tensor, image: int, count: int) -> tuple[Neighbour, ...]:
    """Return the nearest bank patch of each of the nearest images, less those of the image itself."""
    distances = torch.linalg.vector_norm(bank.features - patch.to(bank.features), dim=1).cpu()
    origins = bank.origins.cpu().tolist()
    found: dict[int, Neighbour] = {}
    for row in distances.argsort(stable=True).tolist():
        other, down, across = origins[row]
        if other != image and other not in found:
            found[other] = Neighbour(other, (down, across), float(distances[row]))
        if len(found) == count:
            break
    return tuple(found.values())
