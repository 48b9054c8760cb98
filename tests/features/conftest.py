"""What the tests of this room share: one small extractor, and small photographs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.features import FeatureExtractor, make_extractor
from patchsieve.images import ImageSet, read_images


@pytest.fixture(scope="session")
def extractor() -> FeatureExtractor:
    return make_extractor(backbone="efficientnet_lite0", image_size=64, crop=None, device="cpu", batch_size=4)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., ImageSet]:
    """Write `count` photographs of different sizes and read them as a set."""

    def write(count: int) -> ImageSet:
        root = tmp_path / "photos"
        root.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        for index in range(count):
            coarse = rng.integers(0, 256, (6 + index % 3, 9, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((90 + index, 70)).save(root / f"{index:02}.png")
        return read_images(root)

    return write
