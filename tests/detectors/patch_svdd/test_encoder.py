"""Run over an image, the encoder gives what it gives for each patch alone."""

import pytest
import torch

from patchsieve.detectors.patch_svdd.encoder import HierarchicalEncoder
from patchsieve.detectors.trained import seeded


@pytest.fixture(scope="module")
def encoder() -> HierarchicalEncoder:
    with seeded(0):
        return HierarchicalEncoder(5).double().requires_grad_(False)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_small_patches(encoder: HierarchicalEncoder, image: torch.Tensor) -> None:
    vectors = encoder.small_patches(image)
    assert vectors.shape == (1, 5, 25, 33)
    for row, column in ((0, 0), (24, 32), (7, 11)):
        alone = encoder.small_patches(image[:, :, 2 * row : 2 * row + 32, 2 * column : 2 * column + 32])
        assert alone.shape == (1, 5, 1, 1)
        torch.testing.assert_close(vectors[..., row, column], alone[..., 0, 0])


@pytest.mark.parametrize("step", [2, 4, 16])
def test_large_patches_are_made_of_their_quarters(
    step: int, encoder: HierarchicalEncoder, image: torch.Tensor
) -> None:
    every = encoder.small_patches(image)
    vectors = encoder.large_patches(every[:, :, :: step // 2, :: step // 2], step)
    assert vectors.shape == (1, 5, 16 // step + 1, 32 // step + 1)
    top, left = step, 2 * step if step < 16 else 16
    patch = image[:, :, top : top + 64, left : left + 64]
    quarters = torch.cat(
        [
            torch.cat([encoder.small_patches(part) for part in half.split(32, dim=3)], dim=3)
            for half in patch.split(32, dim=2)
        ],
        dim=2,
    )
    hidden = torch.nn.functional.leaky_relu(encoder.join(quarters), 0.1)
    alone = encoder.project(hidden).tanh()
    torch.testing.assert_close(vectors[..., top // step, left // step], alone[..., 0, 0])
