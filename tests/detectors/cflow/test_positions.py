"""The positional encoding against its formula, written out."""

from math import cos, sin

import numpy as np
import pytest

from patchsieve.detectors.cflow.positions import position_encoding


@pytest.mark.parametrize(("height", "width", "channels"), [(3, 5, 8), (28, 28, 128), (1, 1, 4)])
def test_it_is_the_formula(height: int, width: int, channels: int) -> None:
    encoding = position_encoding(height, width, channels).numpy()
    half = channels // 2
    expected = np.empty((height, width, channels))
    for y in range(height):
        for x in range(width):
            for i in range(half // 2):
                frequency = 10000 ** (-2 * i / half)
                expected[y, x, 2 * i : 2 * i + 2] = sin(x * frequency), cos(x * frequency)
                expected[y, x, half + 2 * i : half + 2 * i + 2] = sin(y * frequency), cos(y * frequency)
    np.testing.assert_allclose(encoding, expected.reshape(height * width, channels), atol=1e-6)


def test_no_two_places_are_alike() -> None:
    encoding = position_encoding(28, 30, 128)
    assert len(encoding.unique(dim=0)) == 28 * 30
