"""Extraction: order, batches, broken images and what an extractor remembers of itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import pytest
import torch

from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.features import (
    Backbone,
    FeatureExtractor,
    PatchAggregation,
    choose_device,
    extractor_from_identity,
    identity,
    make_extractor,
)
from patchsieve.images import ImageSet, decode, read_images

Folder = Callable[[int], ImageSet]


def assert_same(features: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal to within 1e-5 of the largest value: other batch sizes sum in another order."""
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_every_image_stands_in_its_place_whatever_the_batch(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    images = folder(11)
    whole = extractor.embed(images)
    assert whole.features.shape == (11, *extractor.shape)
    assert whole.features.tensor().dtype == torch.float32
    assert whole.images.names == images.names
    for batch_size in (1, 3, 11, 64):
        other = replace(extractor, batch_size=batch_size).embed(images)
        assert_same(other.features.tensor(), whole.features.tensor())
    for index in (0, 5, 10):
        alone = extractor.forward(extractor.preprocessing(decode(images[index]))[None])
        assert_same(whole.features.tensor()[index], alone[0])


def test_of_large_images_fewer_go_together_and_their_features_stay_the_same(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    frame = replace(extractor.preprocessing, image_size=(1024, 768))
    large, small = (
        replace(extractor, preprocessing=each, batch_size=16) for each in (frame, extractor.preprocessing)
    )
    seen: list[int] = []

    def count(images: torch.Tensor) -> list[torch.Tensor]:
        seen.append(len(images))
        return extractor.backbone(images)

    assert small.images_at_once == 16
    assert 1 <= large.images_at_once < 16
    assert large.working_bytes > small.working_bytes
    images = folder(5)
    spied = replace(large, backbone=cast(Backbone, Spied(extractor.backbone, count)))
    whole = spied.embed(images)
    # The first is empty, to learn the shapes.
    assert seen == [1] * 6
    alone = extractor.backbone(large.preprocessing(decode(images[4]))[None])
    assert_same(whole.features.tensor()[4], extractor.aggregation(alone)[0])


class Spied:
    """A backbone whose forward passes are another's."""

    def __init__(self, backbone: Backbone, forward: Callable[[torch.Tensor], list[torch.Tensor]]) -> None:
        self._backbone, self._forward = backbone, forward

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        return self._forward(images)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)


def test_sizes_and_times_belong_to_the_images(extractor: FeatureExtractor, folder: Folder) -> None:
    embedded = extractor.embed(folder(6))
    assert embedded.sizes.tolist() == [[70, 90 + index] for index in range(6)]
    assert embedded.sizes.dtype == np.int64
    assert embedded.seconds.shape == (6,)
    assert (embedded.seconds > 0).all()
    assert len(embedded) == 6


def test_batches_come_one_by_one_with_all_that_belongs_to_them(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    images = folder(10)
    parts = list(extractor.batches(images))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sum((part.images.names for part in parts), ()) == images.names
    assert_same(
        torch.cat([part.features.tensor() for part in parts]), extractor.embed(images).features.tensor()
    )


def test_the_next_batch_is_worked_on_while_one_is_used(extractor: FeatureExtractor, folder: Folder) -> None:
    second = Event()

    class Watched:
        calls = 0

        def __call__(self, batch: torch.Tensor) -> list[torch.Tensor]:
            self.calls += bool(batch.any())
            if self.calls == 2:
                second.set()
            return extractor.backbone(batch)

        def __getattr__(self, name: str) -> object:
            return getattr(extractor.backbone, name)

    watched = replace(extractor, backbone=Watched(), batch_size=2)  # type: ignore[arg-type]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        batches = watched.batches(folder(6))
        next(batches)
        assert second.wait(20)
        batches.close()  # type: ignore[attr-defined]
    finally:
        torch.set_num_threads(before)


def test_batches_before_a_broken_image_come_though_it_is_not_allowed(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    images = folder(10)
    _cut_short(images[9].path)
    batches = extractor.batches(images, strict=True)
    assert [len(next(batches)), len(next(batches))] == [4, 4]
    with pytest.raises(BrokenImageError):
        next(batches)


def test_a_broken_image_is_named_and_skipped(extractor: FeatureExtractor, folder: Folder) -> None:
    images = folder(7)
    _cut_short(images[2].path)
    _cut_short(images[3].path)
    embedded = extractor.embed(images)
    assert embedded.images.names == (*images.names[:2], *images.names[4:])
    assert [skip.name for skip in embedded.skipped] == ["02.png", "03.png"]
    assert all(skip.reason and "02" not in skip.reason for skip in embedded.skipped)
    whole = extractor.embed(images.with_records([*images.records[:2], *images.records[4:]]))
    assert_same(embedded.features.tensor(), whole.features.tensor())
    assert embedded.sizes.tolist() == whole.sizes.tolist()


def test_a_batch_of_broken_images_only_is_passed_over(extractor: FeatureExtractor, folder: Folder) -> None:
    images = folder(9)
    for record in images.records[4:8]:
        _cut_short(record.path)
    parts = list(extractor.batches(images))
    assert [len(part) for part in parts] == [4, 0, 1]
    assert parts[1].features.shape == (0, *extractor.shape)
    assert len(parts[1].skipped) == 4
    assert len(extractor.embed(images)) == 5


def test_strictness_stops_at_the_first_broken_image(extractor: FeatureExtractor, folder: Folder) -> None:
    images = folder(7)
    _cut_short(images[5].path)
    with pytest.raises(BrokenImageError, match=r"05\.png"):
        extractor.embed(images, strict=True)


def test_no_images_and_none_that_can_be_decoded_are_said(extractor: FeatureExtractor, folder: Folder) -> None:
    images = folder(2)
    with pytest.raises(ImagesError, match="no images"):
        extractor.embed(images.with_records([]))
    for record in images:
        _cut_short(record.path)
    with pytest.raises(ImagesError, match=r"none of the 2 images could be decoded; the first: 00\.png: "):
        extractor.embed(images)


def test_progress_counts_every_image_and_ends_on_failure_too(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    class Counting:
        def __init__(self) -> None:
            self.said: list[object] = []

        def stage(self, title: str, total: int) -> "Counting":
            self.said += [title, total]
            return self

        def advance(self, amount: int = 1) -> None:
            self.said.append(amount)

        def end(self, stage: object) -> None:
            assert stage is self
            self.said.append("end")

    progress = Counting()
    images = folder(6)
    extractor.embed(images, progress=progress)
    assert progress.said == ["embedding", 6, 4, 2, "end"]
    _cut_short(images[5].path)
    progress = Counting()
    with pytest.raises(BrokenImageError):
        extractor.embed(images, strict=True, progress=progress)
    assert progress.said == ["embedding", 6, 4, "end"]


def test_some_embeddings_can_be_taken_in_any_order(extractor: FeatureExtractor, folder: Folder) -> None:
    embedded = extractor.embed(folder(5))
    some = embedded.take([3, 0])
    assert some.images.names == ("03.png", "00.png")
    assert torch.equal(some.features.tensor(), embedded.features.tensor()[[3, 0]])
    assert some.sizes.tolist() == [[70, 93], [70, 90]]
    assert len(embedded.take(np.array([], dtype=np.int64))) == 0


def test_arrays_are_embedded_like_the_files_they_come_from(
    extractor: FeatureExtractor, folder: Folder
) -> None:
    images = folder(2)
    arrays = read_images([decode(record) for record in images])
    assert_same(extractor.embed(arrays).features.tensor(), extractor.embed(images).features.tensor())


def test_an_identity_builds_the_same_extractor_again(folder: Folder) -> None:
    extractor = make_extractor(
        backbone="efficientnet_lite0",
        layers=["stage4", "stage2"],
        image_size=(96, 72),
        crop=(64, 48),
        patch_size=5,
        patch_stride=2,
        dims=20,
        device="cpu",
    )
    kept = identity(extractor)
    assert kept["layers"] == ["stage2", "stage4"]
    again = extractor_from_identity(kept, device="cpu", batch_size=3)
    assert identity(again) == kept
    assert again.batch_size == 3
    images = folder(3)
    assert_same(again.embed(images).features.tensor(), extractor.embed(images).features.tensor())


def test_numbers_stand_for_squares_and_no_crop_for_the_whole() -> None:
    extractor = make_extractor(backbone="efficientnet_lite0", image_size=96, crop=None, device="cpu")
    assert extractor.preprocessing.image_size == (96, 96)
    assert extractor.preprocessing.frame == (96, 96)
    assert extractor.preprocessing.mean == extractor.backbone.mean
    assert extractor.preprocessing.std == extractor.backbone.std


@pytest.mark.parametrize("name", ["cuda:77", "tpu", "warp"])
def test_a_device_that_is_not_here_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is not available here"):
        choose_device(name)


def test_auto_finds_a_device() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def _cut_short(path: Path | None) -> None:
    assert path is not None
    path.write_bytes(path.read_bytes()[:60])


def test_the_channels_are_known_by_layer(extractor: FeatureExtractor) -> None:
    channels = extractor.layer_channels
    assert channels is not None
    assert len(channels) == len(extractor.backbone.layers)
    assert sum(channels) == extractor.shape[2]
    # Pooled over the channels they belong to no single layer.
    assert replace(extractor, aggregation=PatchAggregation(dims=7)).layer_channels is None


def test_images_do_not_depend_on_the_threads_they_are_worked_on_in(extractor: FeatureExtractor) -> None:
    images = torch.randn(11, 3, *extractor.preprocessing.frame, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(extractor.forward(images))
    finally:
        torch.set_num_threads(before)
    assert_same(found[1], found[0])
    assert_same(found[0][8:], extractor.forward(images[8:]))
