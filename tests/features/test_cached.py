"""Extraction by way of a cache: each image goes through the backbone once, and comes back as it would without one."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from patchsieve.errors import BrokenImageError, ImagesError, PatchSieveError
from patchsieve.features import FeatureExtractor, embed_cached, make_extractor
from patchsieve.features.backbones import Backbone
from patchsieve.images import ImageSet, content_hash, read_images

Folder = Callable[[int], ImageSet]


class Counting:
    """A backbone that counts the images that go through it."""

    # One batch after the other: which one is interrupted shall not depend on threads.
    concurrent = False

    def __init__(self, backbone: Backbone, fails_after: int | None = None) -> None:
        self._backbone = backbone
        self._fails_after = fails_after
        self.images = 0

    def __call__(self, batch: torch.Tensor) -> list[torch.Tensor]:
        # An empty image only asks for the shape.
        self.images += len(batch) if batch.any() else 0
        if self._fails_after is not None and self.images > self._fails_after:
            raise KeyboardInterrupt
        return self._backbone(batch)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backbone, name)


@pytest.fixture
def counted(extractor: FeatureExtractor) -> Callable[..., FeatureExtractor]:
    """Make the extractor with a backbone that counts, and is interrupted after some images."""

    def make(fails_after: int | None = None) -> FeatureExtractor:
        return replace(extractor, backbone=Counting(extractor.backbone, fails_after))

    return make


def seen(extractor: FeatureExtractor) -> int:
    assert isinstance(extractor.backbone, Counting)
    return extractor.backbone.images


def small(**changes: object) -> FeatureExtractor:
    settings = {"backbone": "efficientnet_lite0", "image_size": 64, "crop": None, "batch_size": 4, **changes}
    return make_extractor(device="cpu", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder_given", [True, False])
def test_what_comes_back_is_what_comes_without_a_cache(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path, folder_given: bool
) -> None:
    images = folder(11)
    plain = extractor.embed(images)
    for _ in range(2):
        cached = embed_cached(extractor, images, tmp_path / "cache" if folder_given else None)
        assert torch.equal(cached.features.tensor(), plain.features.tensor())
        assert cached.features.resident_bytes == 0
        assert cached.images == plain.images
        np.testing.assert_array_equal(cached.sizes, plain.sizes)
        assert cached.skipped == ()
        assert cached.extractor is extractor
        # The files were read for it.
        assert cached.hashes == tuple(map(content_hash, images))


def test_an_image_goes_through_the_backbone_once(
    counted: Callable[..., FeatureExtractor], folder: Folder, tmp_path: Path
) -> None:
    images = folder(11)
    first, second = counted(), counted()
    assert (embed_cached(first, images, tmp_path / "cache").seconds > 0).all()
    assert seen(first) == 11
    assert (embed_cached(second, images, tmp_path / "cache").seconds == 0).all()
    assert seen(second) == 0


def test_new_and_changed_images_are_embedded_and_renamed_ones_are_known(
    counted: Callable[..., FeatureExtractor], folder: Folder, tmp_path: Path
) -> None:
    images = folder(9)
    embed_cached(counted(), images, tmp_path / "cache")
    root = images.root
    (root / "05.png").rename(root / "renamed.png")
    shutil.copy(root / "06.png", root / "copied.png")
    (root / "07.png").write_bytes((root / "07.png").read_bytes() + b"appended")
    extractor = counted()
    cached = embed_cached(extractor, read_images(root), tmp_path / "cache")
    assert seen(extractor) == 1
    assert cached.images.names == read_images(root).names
    plain = extractor.embed(read_images(root))
    torch.testing.assert_close(cached.features.tensor(), plain.features.tensor(), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(cached.sizes, plain.sizes)


def test_copies_within_a_set_share_what_they_have(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(6)
    for name in ("04a.png", "04b.png"):
        shutil.copy(images.root / "04.png", images.root / name)
    images = read_images(images.root)
    for _ in range(2):
        cached = embed_cached(extractor, images, tmp_path / "cache")
        assert cached.images.names == images.names
        for copy in (5, 6):
            assert torch.equal(cached.features.images(copy, copy + 1), cached.features.images(4, 5))


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": 72},
        {"image_size": (64, 72)},
        {"crop": 48},
        {"layers": ["stage3"]},
        {"layers": ["stage2", "stage6"]},
        {"patch_size": 1},
        {"patch_stride": 2},
        {"dims": 20},
        {"precision": "bfloat16"},
        {"backbone": "efficientnet_lite1"},
    ],
    ids=str,
)
def test_other_features_have_another_place(
    folder: Folder, tmp_path: Path, changes: dict[str, object]
) -> None:
    images = folder(3)
    embed_cached(small(), images, tmp_path / "cache")
    extractor = small(**changes)
    cached = embed_cached(extractor, images, tmp_path / "cache")
    assert (cached.seconds > 0).all()
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert torch.equal(cached.features.tensor(), extractor.embed(images).features.tensor())


def test_the_size_of_batches_makes_no_other_place(folder: Folder, tmp_path: Path) -> None:
    images = folder(3)
    embed_cached(small(), images, tmp_path / "cache")
    assert (embed_cached(small(batch_size=2), images, tmp_path / "cache").seconds == 0).all()


@pytest.mark.parametrize("done", [0, 4, 8])
def test_an_interrupted_extraction_goes_on_where_it_was(
    counted: Callable[..., FeatureExtractor], folder: Folder, tmp_path: Path, done: int
) -> None:
    images = folder(11)
    with pytest.raises(KeyboardInterrupt):
        embed_cached(counted(done), images, tmp_path / "cache")
    second = counted()
    cached = embed_cached(second, images, tmp_path / "cache")
    assert seen(second) == 11 - done
    assert (cached.seconds > 0).tolist() == [False] * done + [True] * (11 - done)
    assert torch.equal(cached.features.tensor(), second.embed(images).features.tensor())


def test_only_what_is_missing_is_counted_as_work(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    class Told:
        def __init__(self) -> None:
            self.said: list[object] = []

        def stage(self, title: str, total: int) -> "Told":
            self.said += [title, total]
            return self

        def advance(self, amount: int = 1) -> None:
            self.said.append(amount)

        def end(self, stage: object) -> None:
            assert stage is self

    images = folder(7)
    embed_cached(extractor, images.with_records(images.records[:5]), tmp_path / "cache")
    told = Told()
    embed_cached(extractor, images, tmp_path / "cache", progress=told)
    embed_cached(extractor, images, tmp_path / "cache", progress=told)
    assert told.said == ["embedding", 2, 2]


def test_broken_images_are_named_and_skipped_as_without_a_cache(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(7)
    (images.root / "02.png").write_bytes((images.root / "02.png").read_bytes()[:60])
    (images.root / "04.png").unlink()
    plain = extractor.embed(images)
    for _ in range(2):
        cached = embed_cached(extractor, images, tmp_path / "cache")
        assert cached.images == plain.images
        assert sorted(cached.skipped, key=str) == sorted(plain.skipped, key=str)
        np.testing.assert_array_equal(cached.sizes, plain.sizes)
        assert torch.equal(cached.features.tensor(), plain.features.tensor())
    for name in ("02.png", "04.png"):
        broken = images.where(lambda record, name=name: record.name in ("00.png", name))
        with pytest.raises(BrokenImageError, match=name.replace(".", r"\.")):
            embed_cached(extractor, broken, tmp_path / "cache", strict=True)


def test_no_images_and_none_that_can_be_decoded_are_said(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(3)
    with pytest.raises(ImagesError, match="no images"):
        embed_cached(extractor, images.with_records([]), tmp_path / "cache")
    for record in images:
        assert record.path is not None
        record.path.write_bytes(b"\x89PNG\r\n\x1a\n" + record.name.encode())
    with pytest.raises(ImagesError, match=r"none of the 3 images could be decoded; the first: 00\.png: "):
        embed_cached(extractor, images, tmp_path / "cache")


def test_a_disk_too_small_is_said_before_an_image_is_touched(
    counted: Callable[..., FeatureExtractor], folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, extractor = folder(6), counted()
    embed_cached(extractor, images.with_records(images.records[:4]), tmp_path / "cache")
    usage = shutil.disk_usage(tmp_path)
    row = 4 * int(np.prod(extractor.shape))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * row - 1))
    with pytest.raises(
        PatchSieveError, match=r"the features of 2 images take .* has 0\.0 GiB left: free some"
    ):
        embed_cached(extractor, images, tmp_path / "cache")
    assert seen(extractor) == 4


def test_arrays_are_known_by_their_pixels(extractor: FeatureExtractor, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), dtype=np.uint8)
    embed_cached(extractor, read_images(pixels), tmp_path / "cache")
    again = embed_cached(extractor, read_images(pixels[::-1].copy()), tmp_path / "cache")
    assert (again.seconds == 0).all()
    plain = extractor.embed(read_images(pixels)).features.tensor()
    assert torch.equal(again.features.tensor(), plain.flip(0))
