"""Extractors from settings and back: the precision is part of what a model file keeps."""

import pytest
import torch

from patchsieve.errors import BackboneError, ConfigError
from patchsieve.features import FeatureExtractor, extractor_from_identity, identity, make_extractor


def small(precision: str = "float32", backbone: str = "efficientnet_lite0") -> FeatureExtractor:
    return make_extractor(
        backbone=backbone, image_size=64, crop=None, precision=precision, device="cpu", batch_size=4
    )


def test_the_precision_is_kept_and_comes_back() -> None:
    extractor = small("bfloat16")
    kept = identity(extractor)
    assert kept["precision"] == "bfloat16"
    again = extractor_from_identity(kept, device="cpu", batch_size=4)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = extractor.forward(images)
    assert features.dtype == torch.float32
    assert torch.equal(again.forward(images), features)
    assert not torch.allclose(small().forward(images), features, rtol=1e-3)


def test_an_identity_without_a_precision_means_float32() -> None:
    kept = identity(small())
    del kept["precision"]
    assert identity(extractor_from_identity(kept, device="cpu", batch_size=4))["precision"] == "float32"


def test_a_precision_that_cannot_be_had_is_said() -> None:
    with pytest.raises(ConfigError, match="the precision cannot be 'float16'"):
        small("float16")
    with pytest.raises(BackboneError, match="use --precision float32"):
        small("bfloat16", "dinov2_vits14")
