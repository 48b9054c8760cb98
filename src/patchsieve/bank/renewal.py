"""A memory bank that goes on learning: new patches enter, the least needed go, and its size stays."""

from dataclasses import replace

import numpy as np
import torch

from patchsieve.bank.coreset import greedy_coreset
from patchsieve.bank.memory_bank import MemoryBank
from patchsieve.bank.search import NearestNeighbours
from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import SILENT, Progress, staged

# Patches that are new at a time: what has to be held in memory beside the bank.
_NEW_PATCHES = 65_536


def renewed(
    bank: MemoryBank,
    features: PatchFeatures,
    *,
    seen: int,
    method: str = "greedy",
    seed: int = 0,
    progress: Progress = SILENT,
) -> MemoryBank:
    """Take the patches of more images into a bank that does not grow.

    Patches within the bank's `spacing` are covered as well as its patches cover each other, and are left out; so are
    those as near to a rejected patch. With the others:

    - A greedy bank is chosen again, by greedy k-center from itself and them, beginning with its own first patch. So
      patches far from all enter, and those go whose neighbours in the bank are nearest.
    - A random bank stays a random choice from all images (reservoir sampling): of M patches M n / (seen + n) go for
      patches of the n new images, whether near or far.

    A new patch's soft weight and radius are the medians of the bank's: images that a person has confirmed are as
    ordinary as what is ordinary in the bank, on the scale of whichever discriminator gave the weights.

    Args:
        bank: not changed.
        features: `[N, H, W, C]`, of images that hold no defect.
        seen: images that the bank has been chosen from; the new ones are counted on from there in `origins`.
        method: how the bank was chosen, ``random``, or any other to renew it by greedy k-center.
        seed: of the random choice.
        progress: shown one unit an image.
    """
    _, height, width, _ = features.shape
    images = max(1, _NEW_PATCHES // (height * width))
    with staged(progress, "updating the memory bank", len(features)) as stage:
        for block in features.batches(images):
            patches = block.flatten(0, 2)
            places = torch.cartesian_prod(*(torch.arange(size) for size in block.shape[:3])).to(bank.origins)
            places[:, 0] += seen
            if method == "random":
                count = round(len(bank) * len(block) / (seen + len(block)))
                bank = _exchanged(bank, patches, places, count, np.random.default_rng((seed, seen)))
            else:
                bank = _spread(bank, patches, places)
            seen += len(block)
            stage.advance(len(block))
    return bank


def _spread(bank: MemoryBank, patches: torch.Tensor, places: torch.Tensor) -> MemoryBank:
    new = (bank.index.search(patches)[0][:, 0] > bank.spacing) & _allowed(bank, patches)
    if not new.any():
        return bank
    union = _joined(bank, patches[new], places[new], bank)
    return union.take(torch.from_numpy(greedy_coreset(union.features, len(bank), start=0)))


def _exchanged(
    bank: MemoryBank, patches: torch.Tensor, places: torch.Tensor, count: int, random: np.random.Generator
) -> MemoryBank:
    allowed = _allowed(bank, patches).nonzero(as_tuple=True)[0]
    count = min(count, len(allowed))
    entering = allowed[torch.from_numpy(np.sort(random.choice(len(allowed), count, replace=False)))]
    staying = torch.from_numpy(np.sort(random.choice(len(bank), len(bank) - count, replace=False)))
    return _joined(bank.take(staying), patches[entering], places[entering], bank)


def _allowed(bank: MemoryBank, patches: torch.Tensor) -> torch.Tensor:
    """Say of each patch whether it is unlike what was rejected, bool `[Q]`."""
    if bank.rejected is None:
        return torch.ones(len(patches), dtype=torch.bool, device=patches.device)
    return NearestNeighbours(bank.rejected).search(patches)[0][:, 0] > bank.spacing


def _joined(bank: MemoryBank, patches: torch.Tensor, places: torch.Tensor, whole: MemoryBank) -> MemoryBank:
    """Return the bank with patches `[K, C]` from `places` int32 `[K, 3]` behind its own, as ordinary as the whole."""
    return replace(
        bank,
        features=torch.cat([bank.features, patches]),
        weights=_continued(bank.weights, whole.weights, len(patches)),
        origins=torch.cat([bank.origins, places]),
        radii=_continued(bank.radii, whole.radii, len(patches)),
    )


def _continued(values: torch.Tensor | None, usual: torch.Tensor | None, count: int) -> torch.Tensor | None:
    """Return the values with `count` medians of the usual ones behind them; None where there are none."""
    if values is None or usual is None:
        return None
    return torch.cat([values, usual.median().expand(count)])
