"""What the tests of this room share: features with a known truth, and small photographs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from patchsieve.features import Embeddings, FeatureExtractor, PatchFeatures, make_extractor
from patchsieve.images import ImageRecord, ImageSet

Synthetic = Callable[..., Embeddings]


@pytest.fixture(scope="session")
def extractor() -> FeatureExtractor:
    return make_extractor(backbone="efficientnet_lite0", image_size=64, crop=None, device="cpu", batch_size=4)


@pytest.fixture(scope="session")
def synthetic(extractor: FeatureExtractor) -> Synthetic:
    """Make embeddings of `images` images that vary around one appearance, without running the backbone."""

    def make(
        images: int = 20, height: int = 4, width: int = 5, channels: int = 12, seed: int = 0
    ) -> Embeddings:
        rng = np.random.default_rng(seed)
        # The appearance is the same for all seeds: another seed is another day at the same camera.
        appearance = np.random.default_rng(99).normal(0, 3, (1, height, width, channels))
        features = (appearance + rng.normal(size=(images, height, width, channels))).astype(np.float32)
        records = tuple(
            ImageRecord(f"{index:03}.png", pixels=rng.integers(0, 256, (6, 9, 3), dtype=np.uint8))
            for index in range(images)
        )
        return Embeddings(
            features=PatchFeatures(torch.from_numpy(features)),
            images=ImageSet(Path("camera"), "arrays", records),
            sizes=np.tile(np.array([[60, 90]]), (images, 1)),
            seconds=np.full(images, 0.01),
            skipped=(),
            extractor=extractor,
        )

    return make


@pytest.fixture
def photographs(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of `count` photographs of one striped part, with a bright square stuck on some of them."""

    def write(
        name: str,
        count: int,
        *,
        size: tuple[int, int] = (96, 64),
        marked: dict[int, tuple[int, int]] | None = None,
        side: int = 12,
        seed: int = 0,
    ) -> Path:
        width, height = size
        rng = np.random.default_rng(seed)
        stripes = 110 + 50 * np.sin(np.arange(width) / 5)[None, :, None] * np.ones((height, 1, 3))
        (tmp_path / name).mkdir()
        for index in range(count):
            pixels = stripes + rng.normal(0, 8, stripes.shape) + rng.normal(0, 4)
            if marked and index in marked:
                x, y = marked[index]
                pixels[y : y + side, x : x + side] = (255, 255, 0)
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
                tmp_path / name / f"{index:02}.png"
            )
        return tmp_path / name

    return write
