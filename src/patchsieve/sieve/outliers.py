"""Outlier scores of a whole training set, and the cut that sieves the worst patches out."""

import torch

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features.patches import PatchFeatures
from patchsieve.progress import SILENT, Progress, Stage, staged
from patchsieve.sieve.discriminators import ByPosition, NoiseDiscriminator
from patchsieve.sieve.mutual import Mutual

# Positions read at a time: from a file every image is another place, so few wide readings are faster.
READ_BYTES = 128 * 2**20
# Positions scored at a time: what a discriminator works on should stay near the processor's caches.
_SCORED_BYTES = 6 * 2**20


def outlier_scores(
    features: PatchFeatures, discriminator: NoiseDiscriminator, *, progress: Progress = SILENT
) -> torch.Tensor:
    """Score every training patch.

    Args:
        features: `[N, H, W, C]`.
        discriminator: what scores the patches: those of one position among themselves, or all.
        progress: shown one unit a position.

    Returns:
        float32 `[N, H, W]`, high = outlier.

    Raises:
        ImagesError: there are fewer images than the discriminator needs.
    """
    images, height, width, _ = features.shape
    if images < discriminator.min_images:
        raise ImagesError(
            f"the {discriminator.name!r} discriminator needs at least {discriminator.min_images} training images "
            f"and has {images}: add images, or choose another discriminator or (for lof and mutual) a smaller k"
        )
    with staged(progress, f"outlier scores ({discriminator.name})", height * width) as stage:
        if isinstance(discriminator, Mutual):
            scores = discriminator.score_images(features, stage)
        else:
            scores = _by_position(features, discriminator, stage)
    return scores.view(images, height, width)


def _by_position(features: PatchFeatures, discriminator: ByPosition, stage: Stage) -> torch.Tensor:
    """Return the scores `[N, H W]`, one block of positions after the other."""
    images, height, width, channels = features.shape
    scores = torch.empty(images, height * width, dtype=torch.float32, device=features.device)
    read, scored = (max(1, size // (4 * images * channels)) for size in (READ_BYTES, _SCORED_BYTES))
    for block, found in features.map_positions(discriminator.score, read=read, each=scored):
        scores[:, block] = found.T
        stage.advance(block.stop - block.start)
    return scores


def check_share(tau: float) -> None:
    """Raise `ConfigError` unless `tau` is a share of the patches that can be sieved out."""
    if not 0 <= tau < 1:
        raise ConfigError(f"tau is {tau}: the share of patches to sieve out must be at least 0 and below 1")


def sieve(scores: torch.Tensor, tau: float) -> torch.Tensor:
    """Decide which patches stay: all but the share `tau` with the highest outlier scores.

    The cut is one for all patches of all images, not one per position or per image (paper, section 3.3).

    Args:
        scores: outlier scores, float32, any shape.
        tau: share to drop, 0 <= tau < 1; the number dropped is rounded down.

    Returns:
        bool, the shape of `scores`: true for the patches that stay.

    Raises:
        ConfigError: `tau` is out of range.
    """
    check_share(tau)
    keep = torch.ones(scores.numel(), dtype=torch.bool, device=scores.device)
    dropped = int(tau * scores.numel())
    keep[torch.topk(scores.flatten(), dropped).indices] = False
    return keep.view_as(scores)
