"""What the encoder sees does not depend on the lamp."""

import pytest
import torch

from patchsieve.detectors.patch_svdd.light import WINDOW, evened


def surface(height: int = 70, width: int = 90) -> torch.Tensor:
    return 0.1 * torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_each_pixel_is_standardised_by_the_window_around_it() -> None:
    """Pixel by pixel, in float64: the mean of each channel, and one mean absolute deviation for all three."""
    images = surface()
    reach = WINDOW // 2

    def window(maps: torch.Tensor, row: int, column: int) -> torch.Tensor:
        rows = slice(max(row - reach, 0), row + reach + 1)
        return maps[..., rows, max(column - reach, 0) : column + reach + 1]

    apart = images.double()
    for row in range(70):
        for column in range(90):
            apart[:, :, row, column] -= window(images.double(), row, column).mean(dim=(2, 3))
    found = evened(images)
    for row, column in ((0, 0), (69, 89), (35, 45), (3, 60), (50, 89)):
        contrast = window(apart, row, column).abs().mean(dim=(1, 2, 3))
        expected = apart[:, :, row, column] / contrast[:, None]
        torch.testing.assert_close(found[:, :, row, column].double(), expected, rtol=1e-4, atol=1e-5)


def test_a_lamp_changes_nothing() -> None:
    """Its strength, what it adds, and how both fall off to the side; of coloured light, what it adds."""
    images = surface(144, 144)
    torch.testing.assert_close(evened(3 * images - 0.4), evened(images), rtol=1e-4, atol=1e-4)
    coloured = images + torch.tensor([0.3, 0.0, -0.2])[:, None, None]
    torch.testing.assert_close(evened(coloured), evened(images), rtol=1e-4, atol=1e-4)
    fall = torch.linspace(0.5, 1.5, 144)
    difference = evened(fall * (images + 0.2)) - evened(images)
    assert difference.std() < 0.2
    assert evened(images).abs().mean() == pytest.approx(1, abs=0.02)


def test_where_nothing_is_to_be_seen_noise_stays_small() -> None:
    steps = torch.randint(2, (1, 3, 144, 144), generator=torch.Generator().manual_seed(0)) * (2 / 255)
    assert evened(torch.full((1, 3, 144, 144), -0.7)).abs().max() < 1e-3
    assert evened(steps - 0.5).abs().max() < 1.2
