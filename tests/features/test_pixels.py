"""The backbone that is none: pixels go through the same plumbing as features."""

import numpy as np
import pytest
import torch

from patchsieve.errors import BackboneError, ConfigError
from patchsieve.features import extractor_from_identity, identity, make_backbone, make_extractor
from patchsieve.images import read_images


def test_the_features_are_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    extractor = make_extractor(
        backbone="pixels", image_size=(40, 48), crop=None, patch_size=1, device="cpu", batch_size=2
    )
    embeddings = extractor.embed(read_images(list(pixels)))
    assert extractor.shape == (40, 48, 3)
    np.testing.assert_allclose(embeddings.features.tensor(), pixels / 127.5 - 1, atol=1e-6)


def test_it_is_the_same_when_it_comes_back() -> None:
    kept = identity(make_extractor(backbone="pixels", image_size=64, crop=48, patch_size=1, device="cpu"))
    again = extractor_from_identity(kept, device="cpu", batch_size=4)
    assert identity(again) == kept
    assert again.shape == (48, 48, 3)


def test_there_is_nothing_to_choose() -> None:
    with pytest.raises(BackboneError, match="pixels has no layer 'layer1'; it has pixels"):
        make_backbone("pixels", ["layer1"])
    with pytest.raises(BackboneError, match="use --precision float32"):
        make_backbone("pixels", precision="bfloat16")
    with pytest.raises(ConfigError, match="precision"):
        make_backbone("pixels", precision="float8")
    images = torch.rand(1, 3, 8, 8)
    assert make_backbone("pixels", ["pixels"])(images)[0] is images
