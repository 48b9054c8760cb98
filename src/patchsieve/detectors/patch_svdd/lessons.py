"""What the encoder of Patch SVDD is trained on: pairs of views of training images."""

from collections.abc import Iterator

import torch
from torch import nn

from patchsieve.detectors.patch_svdd.encoder import LARGE, SLOPE, SMALL, STEP, HierarchicalEncoder
from patchsieve.detectors.patch_svdd.light import evened
from patchsieve.detectors.patch_svdd.losses import NeighbourPairs, PositionClassifier, svdd_loss, volume_loss
from patchsieve.detectors.trained import generator
from patchsieve.features import PatchFeatures

# Pixels along a view: large patches and their neighbours have room in it.
VIEW = 2 * LARGE
# Two near patches are at most so many pixels apart, down and to the right.
JITTER = 2
# Standard deviation of what is added to the colours, whose own is 1: to each channel of a view as a whole, and to each
# pixel.
_NOISE = 0.04
# Pairs of neighbours per image and size of patch: vectors of all places are there, and cost nothing more.
_PAIRS = 256
# Views of held-out images that an epoch is judged by; their random numbers are those of a part no epoch reaches.
_JUDGED, _JUDGING = 8, 2**40


class PatchNetwork(nn.Module):
    """The encoder, and the classifiers that only its training needs.

    Args:
        dims: of the vectors, D.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.encoder = HierarchicalEncoder(dims)
        self.small = PositionClassifier(dims)
        self.large = PositionClassifier(dims)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # After torch's own start each layer passes on 0.6 of what it gets: behind eight of them all patches
                # are alike, and on surfaces of little contrast hundreds of steps went by before any direction was told.
                nn.init.kaiming_normal_(layer.weight, a=SLOPE, nonlinearity="leaky_relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


class ViewLessons:
    """Views of random places in random images, each twice: moved by a pixel or two, with noise of its own.

    Args:
        network: what is trained.
        features: pixels `[N, h, w, 3]` to train on.
        held_out: pixels to judge by.
        batch: images of one step.
        svdd_weight: lambda, of the SVDD loss beside the position loss.
        volume_weight: mu, of the loss that keeps vectors apart.
        seed: of the views that it is judged by.
    """

    def __init__(
        self,
        network: PatchNetwork,
        features: PatchFeatures,
        held_out: PatchFeatures,
        *,
        batch: int,
        svdd_weight: float,
        volume_weight: float,
        seed: int,
    ) -> None:
        self._network = network
        self._features = features
        self._batch = batch
        self._svdd_weight = svdd_weight
        self._volume_weight = volume_weight
        self._seed = seed
        self._judged = views(held_out, _JUDGED, generator(seed, _JUDGING))

    def losses(self, steps: int, random: torch.Generator) -> Iterator[torch.Tensor]:
        """See `Lessons.losses`."""
        for _ in range(steps):
            yield self._loss(*views(self._features, self._batch, random), random)

    def held_out_loss(self) -> float:
        """See `Lessons.held_out_loss`."""
        return float(self._loss(*self._judged, generator(self._seed, _JUDGING + 1)))

    def _loss(self, one: torch.Tensor, other: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        network = self._network
        small = network.encoder.small_patches(torch.cat([one, other]))
        large = network.encoder.large_patches(small)
        loss = small.new_zeros(())
        for maps, classifier, side in ((small, network.small, SMALL), (large, network.large, LARGE)):
            first, second = maps.chunk(2)
            grid = (maps.shape[2], maps.shape[3])
            pairs = NeighbourPairs(len(one), grid, side // STEP, _PAIRS, random)
            loss = loss + classifier.loss(first, second, pairs)
            loss = (
                loss + self._svdd_weight * svdd_loss(first, second) + self._volume_weight * volume_loss(maps)
            )
        return loss


def views(features: PatchFeatures, count: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw `count` images with a place in each, and look at it twice, in even light.

    Args:
        features: pixels `[N, h, w, 3]`, h and w at least 128 + 2 x 2.
        count: how many.
        random: where all is drawn from.

    Returns:
        Two times float32 `[count, 3, 128, 128]`; the second is moved by 1 or 2 pixels along at least one axis.
    """
    images, height, width, _ = features.shape
    one, other = [], []
    for image in torch.randint(images, (count,), generator=random).tolist():
        # The whole image, so that a patch looks in a view as it does when it is scored.
        pixels = evened(features.images(image, image + 1).permute(0, 3, 1, 2))[0]
        room = torch.tensor([height, width]) - VIEW - 2 * JITTER + 1
        row, column = (JITTER + (torch.rand(2, generator=random) * room).long()).tolist()
        down, right = _move(random)
        one.append(_view(pixels, row, column, random))
        other.append(_view(pixels, row + down, column + right, random))
    return torch.stack(one), torch.stack(other)


def _move(random: torch.Generator) -> tuple[int, int]:
    side = 2 * JITTER + 1
    drawn = int(torch.randint(side * side - 1, (1,), generator=random))
    # The one in the middle would be no move.
    down, right = divmod(drawn + (drawn >= side * side // 2), side)
    return down - JITTER, right - JITTER


def _view(pixels: torch.Tensor, row: int, column: int, random: torch.Generator) -> torch.Tensor:
    part = pixels[:, row : row + VIEW, column : column + VIEW]
    noise = torch.randn(3, 1, 1, generator=random) + torch.randn(3, VIEW, VIEW, generator=random)
    return part + (_NOISE * noise).to(part.device)
