"""Extractors side by side: each image is decoded once, and every kind of features is what its extractor alone gives."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features import (
    FeatureExtractor,
    PatchFeatures,
    embed_cached,
    extraction,
    extractor_from_identity,
    identity,
    make_extractor,
)
from patchsieve.images import ImageRecord, ImageSet

Folder = Callable[[int], ImageSet]


@pytest.fixture(scope="module")
def several() -> FeatureExtractor:
    """Two extractors with other layers, grids and frames."""
    first, second = (
        make_extractor(
            backbone="efficientnet_lite0",
            layers=layers,
            image_size=size,
            crop=None,
            device="cpu",
            batch_size=4,
        )
        for layers, size in ((["stage3"], 64), (["stage2"], 96))
    )
    return replace(first, others=(second,))


def kinds(features: PatchFeatures) -> list[torch.Tensor]:
    return [features.tensor(), *(other.tensor() for other in features.others)]


def test_each_kind_is_what_its_extractor_alone_gives(several: FeatureExtractor, folder: Folder) -> None:
    images = folder(7)
    together = several.embed(images)
    alone = [part.embed(images) for part in several.parts]
    assert [part.others for part in several.parts] == [(), ()]
    for ours, theirs in zip(kinds(together.features), alone, strict=True):
        torch.testing.assert_close(ours, theirs.features.tensor())
    assert together.features.nbytes == sum(embeddings.features.nbytes for embeddings in alone)
    assert together.features.nbytes == 7 * several.image_bytes
    assert together.features.layer_channels == alone[0].features.layer_channels
    assert together.features.others[0].layer_channels == alone[1].features.layer_channels
    np.testing.assert_array_equal(together.sizes, alone[1].sizes)


def test_each_image_is_decoded_once(
    several: FeatureExtractor, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    real = extraction.decode

    def counting(record: ImageRecord) -> object:
        decoded.append(record.name)
        return real(record)

    monkeypatch.setattr(extraction, "decode", counting)
    several.embed(folder(6))
    assert sorted(decoded) == [f"{index:02}.png" for index in range(6)]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_cache_keeps_each_kind_where_its_extractor_alone_finds_it(
    dtype: str, several: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(6)
    cached = embed_cached(several, images, tmp_path / "cache", dtype=dtype)
    for ours, theirs in zip(kinds(cached.features), kinds(several.embed(images).features), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-3)
    assert cached.extractor is several
    assert (cached.seconds > 0).all()
    assert len(list((tmp_path / "cache").iterdir())) == 2
    for part in several.parts:
        assert (embed_cached(part, images, tmp_path / "cache", dtype=dtype).seconds == 0).all()
    assert cached.features.resident_bytes == 0
    assert cached.features.in_memory().resident_bytes == cached.features.nbytes


@pytest.mark.parametrize("in_file", [False, True])
def test_others_go_along_wherever_images_are_taken(
    in_file: bool, several: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(9)
    whole = embed_cached(several, images, tmp_path / "cache") if in_file else several.embed(images)
    expected = kinds(whole.features)
    some = whole.take([7, 2, 5]).take([2, 0])
    for ours, all_of_them in zip(kinds(some.features), expected, strict=True):
        assert torch.equal(ours, all_of_them[[5, 7]])
    batches = list(whole.batches(4))
    for kind, all_of_them in enumerate(expected):
        assert torch.equal(torch.cat([kinds(batch.features)[kind] for batch in batches]), all_of_them)


@pytest.mark.parametrize("in_file", [False, True])
def test_the_same_images_are_skipped_for_all(
    in_file: bool, several: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(6)
    (images.root / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"cut")
    found = embed_cached(several, images, tmp_path / "cache") if in_file else several.embed(images)
    assert [skip.name for skip in found.skipped] == ["03.png"]
    assert "03.png" not in found.images.names
    assert [len(kind) for kind in kinds(found.features)] == [5, 5]
    with pytest.raises(BrokenImageError, match=r"03\.png"):
        (embed_cached if in_file else FeatureExtractor.embed)(
            several, images, *([tmp_path / "cache"] if in_file else []), strict=True
        )
    for image in images:
        assert image.path is not None
        image.path.write_bytes(b"")
    with pytest.raises(ImagesError, match="none of the 6 images could be decoded"):
        several.embed(images)


def test_an_identity_names_all_and_builds_all(several: FeatureExtractor, folder: Folder) -> None:
    kept = identity(several)
    assert kept["others"] == [identity(several.others[0])]
    assert "others" not in identity(several.parts[0])
    again = extractor_from_identity(kept, device="cpu", batch_size=4)
    assert identity(again) == kept
    images = folder(3)
    for ours, theirs in zip(
        kinds(again.embed(images).features), kinds(several.embed(images).features), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_features_of_other_images_do_not_go_along() -> None:
    with pytest.raises(ValueError, match="must be of the same images"):
        PatchFeatures(torch.zeros(3, 2, 2, 4), others=[PatchFeatures(torch.zeros(4, 2, 2, 4))])
