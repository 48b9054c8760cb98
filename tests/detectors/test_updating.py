"""A fitted detector learns from confirmed images, good and defective, and keeps it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from patchsieve.decisions import OperatingPoints, false_alarm_threshold
from patchsieve.detectors import PatchCore, SoftPatch, load
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.updating import covered
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.images import read_images

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
Models = pytest.mark.parametrize(
    "model", [SoftPatch(), PatchCore(coreset="random")], ids=["softpatch", "patchcore"]
)


def shifted(embeddings: Embeddings, by: float) -> Embeddings:
    """The same with a part of the features moved: another batch of the material."""
    features = embeddings.features.tensor().clone()
    features[..., :3] += by
    return replace(embeddings, features=PatchFeatures(features))


@Models
def test_what_was_new_is_normal_afterwards_and_the_bank_has_its_size(
    model: BankDetector, synthetic: Synthetic
) -> None:
    model.set_params(coreset_ratio=0.4).fit(synthetic(30))
    size = len(model.bank_)
    later, test = shifted(synthetic(40, seed=1), 8.0), shifted(synthetic(10, seed=2), 8.0)
    before = model.predict(test).scores
    known = model.predict(synthetic(10, seed=3)).scores
    assert model.update(later) is model
    assert len(model.bank_) == size
    assert model.predict(test).scores.mean() < 0.75 * before.mean()
    assert (model.predict(test).scores <= model.threshold_).mean() >= 0.9
    # What was normal before still is, though less of it is in the bank.
    assert model.predict(synthetic(10, seed=3)).scores.mean() < 1.3 * known.mean()
    defect = synthetic(10, seed=4)
    defect.features.tensor()[:, 1, 1] += 9.0
    assert (model.predict(defect).scores > model.threshold_).all()


@Models
def test_the_record_grows_and_origins_lead_into_it(model: BankDetector, synthetic: Synthetic) -> None:
    first, later = synthetic(20), shifted(synthetic(12, seed=1), 4.0)
    model.fit(first).update(later)
    assert len(model.training_.images) == len(model.training_.scores) == len(model.training_.patch_maps) == 32
    assert len(set(model.training_.images.names)) == 32
    assert model.training_.images.names[20] == "camera/000.png"
    both = torch.cat([first.features.tensor(), later.features.tensor()])
    image, row, column = model.bank_.origins.long().T
    assert torch.equal(model.bank_.features, both[image, row, column])
    assert model.threshold_ == false_alarm_threshold(model.training_.scores, model.false_alarms).threshold
    assert len(model.suspects(top=32)) == 32


def test_new_images_are_scored_by_models_that_have_not_seen_them(synthetic: Synthetic) -> None:
    model = PatchCore(folds=2).fit(synthetic(20))
    later = shifted(synthetic(9, seed=1), 4.0)
    order = np.random.default_rng(model.seed).permutation(9)
    expected = np.empty(9, dtype=np.float32)
    for fold in np.array_split(order, 2):
        rest = PatchCore(folds=2).fit(synthetic(20))
        rest.learn_more(later.features.take(np.setdiff1d(order, fold)), 20)
        expected[fold] = rest.score(later.features.take(fold).tensor())[0].numpy()
    np.testing.assert_array_equal(model.update(later).training_.scores[20:], expected)


def test_a_single_image_is_scored_by_the_model_as_it_was(synthetic: Synthetic) -> None:
    model = PatchCore().fit(synthetic(20))
    one = synthetic(1, seed=1)
    expected = model.predict(one).scores
    np.testing.assert_array_equal(model.update(one).training_.scores[20:], expected)


def test_images_that_are_known_are_left_out(synthetic: Synthetic) -> None:
    images = synthetic(20)
    model = PatchCore().fit(images.take(range(15)))
    model.update(images)
    assert len(model.training_.images) == 20
    assert [skip.name for skip in model.training_.skipped] == [f"{index:03}.png" for index in range(15)]
    before = model.bank_
    with pytest.raises(ImagesError, match=r"all 20 images .* exact copies"):
        model.update(images)
    assert model.bank_ is before


def test_an_update_that_fails_leaves_the_model_as_it_was(
    synthetic: Synthetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SoftPatch().fit(synthetic(20))
    before = dict(model.__dict__)

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(OperatingPoints, "recalibrated", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.update(shifted(synthetic(9, seed=1), 4.0))
    assert model.__dict__ == before


def contaminated(synthetic: Synthetic) -> Embeddings:
    """Six of thirty images hold one and the same defect at (1, 1)."""
    images = synthetic(30)
    images.features.tensor()[:6, 1, 1] = torch.linspace(-8, 8, 12) + 0.05 * torch.randn(6, 12)
    return images


def marked(synthetic: Synthetic, images: int = 3) -> Embeddings:
    defects = synthetic(images, seed=5)
    defects.features.tensor()[:, 1, 1] = torch.linspace(-8, 8, 12)
    return defects


# The images are 90 x 60 pixels, the grid 5 x 4: the cell of patch (1, 1).
CELL = (18.0, 15.0, 36.0, 30.0)


@Models
def test_a_defect_that_was_learnt_is_found_once_it_is_rejected(
    model: BankDetector, synthetic: Synthetic
) -> None:
    model.set_params(coreset_ratio=0.9).fit(contaminated(synthetic))
    if isinstance(model, SoftPatch):
        model.set_params(tau=0.0).fit(contaminated(synthetic))
    defects = marked(synthetic)
    before = model.score(defects.features.tensor())[1][:, 1, 1]
    threshold, size = model.threshold_, len(model.bank_)
    assert model.reject(defects, boxes={name: [CELL] for name in defects.images.names}) is model
    after = model.score(defects.features.tensor())[1][:, 1, 1]
    assert (after > 5 * before + 1).all()
    assert size - 6 <= len(model.bank_) < size
    assert model.threshold_ == threshold
    assert model.bank_.rejected is not None
    assert torch.equal(model.bank_.rejected, defects.features.tensor()[:, 1, 1])


def test_a_rejected_defect_does_not_come_back_with_an_update_after_save_and_load(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    model = PatchCore(coreset_ratio=0.9).fit(contaminated(synthetic))
    defects = marked(synthetic)
    model.reject(defects, boxes={name: [CELL] for name in defects.images.names})
    model.save(tmp_path / "rejected.sieve")
    again = load(tmp_path / "rejected.sieve")
    assert isinstance(again, PatchCore)
    test = marked(synthetic, 5)
    careless = shifted(synthetic(12, seed=6), 3.0)
    careless.features.tensor()[:, 1, 1] = torch.linspace(-8, 8, 12) + 0.05
    expected = model.update(careless).predict(test)
    np.testing.assert_array_equal(again.update(careless).predict(test).scores, expected.scores)
    assert (expected.scores > again.threshold_).all()
    again.save(tmp_path / "updated.sieve")
    third = load(tmp_path / "updated.sieve")
    np.testing.assert_array_equal(third.predict(test).maps, expected.maps)
    assert len(third.training_.images) == 42
    assert third.threshold_ == again.threshold_


def test_without_marks_the_patches_above_the_threshold_are_rejected(synthetic: Synthetic) -> None:
    model = PatchCore().fit(synthetic(30))
    defects = synthetic(2, seed=5)
    defects.features.tensor()[0, 2, 3] += 15.0
    defects.features.tensor()[0, 2, 4] += 15.0
    scores = model.score(defects.features.tensor())[1]
    expected = [[2, 3], [2, 4]]
    assert (scores[0] > model.threshold_).nonzero().tolist() == expected
    assert not (scores[1] > model.threshold_).any()
    model.reject(defects)
    assert model.bank_.rejected is not None
    highest = defects.features.tensor()[1].flatten(0, 1)[int(scores[1].argmax())]
    assert torch.equal(model.bank_.rejected, torch.stack([*defects.features.tensor()[0, 2, 3:5], highest]))


def test_masks_of_the_image_set_mark_the_defects(photographs: Photographs, tmp_path: Path) -> None:
    root = tmp_path / "line"
    test = root / "test" / "spot"
    test.mkdir(parents=True)
    photographs("train", 9).rename(root / "good")
    (root / "train").mkdir()
    (root / "good").rename(root / "train" / "good")
    (photographs("spots", 2, marked={0: (8, 8), 1: (8, 8)}, seed=1)).rename(root / "spots")
    mask = np.zeros((64, 96), dtype=np.uint8)
    mask[8:20, 8:20] = 255
    (root / "ground_truth" / "spot").mkdir(parents=True)
    for path in (root / "spots").iterdir():
        path.rename(test / path.name)
        Image.fromarray(mask).save(root / "ground_truth" / "spot" / f"{path.stem}_mask.png")
    model = PatchCore(image_size=64, crop=None, device="cpu").fit(root)
    images = read_images(root)
    assert images.layout == "mvtec"
    by_mask = model.reject(images).bank_.rejected
    other = PatchCore(image_size=64, crop=None, device="cpu").fit(root)
    spots = images.where(lambda record: record.defective is True)
    unmasked = spots.with_records([replace(record, mask=None) for record in spots])
    by_box = other.reject(unmasked, boxes={name: [(8, 8, 20, 20)] for name in spots.names}).bank_.rejected
    assert by_mask is not None
    assert by_box is not None
    assert torch.equal(by_mask, by_box)


def test_what_cannot_be_rejected_is_said(synthetic: Synthetic) -> None:
    model = PatchCore().fit(synthetic(20))
    bank = model.bank_
    defects = synthetic(2, seed=1)
    with pytest.raises(
        ImagesError, match=r"of the 40 patches of the memory bank .* mark the defects more closely"
    ):
        model.reject(synthetic(20), boxes={name: [(0, 0, 90, 60)] for name in synthetic(20).images.names})
    with pytest.raises(ImagesError, match=r"000\.png is outside the part"):
        model.reject(defects, boxes={"000.png": [(200, 200, 220, 220)]})
    with pytest.raises(ConfigError, match="not fitted"):
        PatchCore().reject(defects)
    with pytest.raises(ConfigError, match="not fitted"):
        PatchCore().update(defects)
    assert model.bank_ is bank


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    seed=st.integers(0, 999),
)
def test_coverage_is_the_mean_of_the_mask_over_each_cell(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    # Every pixel blown up until cells hold whole pieces of pixels.
    large = mask.repeat(rows, axis=0).repeat(columns, axis=1).astype(float)
    expected = large.reshape(rows, height, columns, width).mean(axis=(1, 3))
    np.testing.assert_allclose(covered(mask, (rows, columns)), expected, atol=1e-12)
