"""The adaptive sieve: PatchCore where all is clean, and unlike it where it is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from patchsieve.bank import read_container, write_container
from patchsieve.decisions import ScoreTail
from patchsieve.detectors import AdaptiveSieve, PatchCore, SoftPatch, load
from patchsieve.detectors.operating import PointsFile
from patchsieve.detectors.suspicion import Suspicion
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.sieve import LOF, Witnesses, outlier_scores

Synthetic = Callable[..., Embeddings]
DEFECT = torch.linspace(-5, 5, 12)


def contaminated(embeddings: Embeddings, odd: int) -> Embeddings:
    """The first images hold one kind of defect, each in its own form and at its own place."""
    rng = np.random.default_rng(0)
    features = embeddings.features.tensor().clone()
    for image in range(odd):
        row, column = rng.integers(4), rng.integers(5)
        features[image, row, column] += DEFECT + torch.from_numpy(rng.normal(0, 1, 12)).float()
    return replace(embeddings, features=PatchFeatures(features))


def test_a_clean_set_gives_the_map_of_patchcore_to_the_last_digit(synthetic: Synthetic) -> None:
    train, test = synthetic(220), synthetic(10, seed=1).features.tensor()
    ours, theirs = AdaptiveSieve(bank_size=300), PatchCore(bank_size=300)
    for model in (ours, theirs):
        model.learn(train.features)
    assert ours.contamination_ == 0
    assert len(ours.distrusted_) == 0
    assert torch.equal(ours.bank_.features, theirs.bank_.features)
    assert torch.equal(ours.score(test)[1], theirs.score(test)[1])


def test_the_defective_images_are_counted_and_found(synthetic: Synthetic) -> None:
    model = AdaptiveSieve()
    model.learn(contaminated(synthetic(150), 15).features)
    assert model.contamination_ == pytest.approx(0.1, abs=0.04)
    found = model.distrusted_.numpy()
    assert (found < 15).mean() > 0.9
    assert (found < 15).sum() >= 11
    assert not np.isin(model.bank_.origins[:, 0], found).any()


def test_copies_of_training_defects_are_found(synthetic: Synthetic) -> None:
    train = contaminated(synthetic(150), 15)
    test = torch.cat([train.features.tensor()[:15], synthetic(60, seed=1).features.tensor()])
    labels = np.arange(75) < 15
    auroc = {}
    for model in (AdaptiveSieve(), SoftPatch(), PatchCore(), AdaptiveSieve(contamination=0.02)):
        model.learn(train.features)
        auroc[repr(model)] = roc_auc_score(labels, model.score(test)[0])
    adaptive, _, patchcore, scarcely = auroc.values()
    assert adaptive > 0.95
    assert patchcore < 0.3
    # Most of the defects are in the bank: the radii alone find their copies.
    assert scarcely > 0.8


@pytest.mark.parametrize("soft_weights", [True, False])
def test_the_score_is_the_smallest_reach_distance_times_its_weight(
    synthetic: Synthetic, soft_weights: bool
) -> None:
    model = AdaptiveSieve(contamination=0.1, coreset_ratio=0.4, witnesses=1, soft_weights=soft_weights)
    train, test = synthetic(20), synthetic(4, seed=1).features.tensor()
    model.learn(train.features)
    patches = train.features.tensor().double().numpy().reshape(20, -1, 12)
    trusted = np.setdiff1d(np.arange(20), model.distrusted_)
    assert len(trusted) == 18
    bank, origins = model.bank_.features.double().numpy(), model.bank_.origins.numpy()
    radii = [
        min(np.linalg.norm(patches[j] - patch, axis=1).min() for j in trusted if j != owner)
        for patch, owner in zip(bank, origins[:, 0], strict=True)
    ]
    factors = [outlier_scores(train.features, LOF(k)).numpy() for k in (6, 12)]
    outliers = np.maximum(*factors)[tuple(origins.T)]
    away = np.linalg.norm(test.double().numpy()[..., None, :] - bank, axis=4)
    reach = np.maximum(away, radii)
    expected = reach.min(axis=3) * (outliers[reach.argmin(axis=3)] if soft_weights else 1)
    image_scores, patch_scores = model.score(test)
    np.testing.assert_allclose(patch_scores, expected, rtol=1e-3)
    np.testing.assert_allclose(image_scores, expected.max(axis=(1, 2)), rtol=1e-3)


def test_a_training_image_is_scored_as_if_it_had_not_been_there(synthetic: Synthetic) -> None:
    """Neither its patches nor the radii that it vouches for: the same bank without them, written plainly."""
    model = AdaptiveSieve(contamination=0.1, coreset_ratio=0.4, soft_weights=False)
    train = synthetic(20).features
    model.learn(train)
    trusted = np.setdiff1d(np.arange(20), model.distrusted_)
    patches = train.tensor().double().numpy().reshape(20, -1, 12)
    bank, owners = model.bank_.features.double().numpy(), model.bank_.origins[:, 0].numpy()
    apart = np.array([[np.linalg.norm(patches[j] - patch, axis=1).min() for j in trusted] for patch in bank])
    moved = 0
    for image in range(20):
        witnesses = np.where((trusted == image) | (trusted == owners[:, None]), np.inf, apart)
        radii = np.sort(witnesses, axis=1)[:, :2].mean(axis=1)
        reach = np.maximum(np.linalg.norm(patches[image][:, None] - bank, axis=2), radii)
        expected = reach[:, owners != image].min(axis=1)
        scores = model.score_unseen(train.tensor()[image, None], image)[1].flatten()
        np.testing.assert_allclose(scores, expected, rtol=1e-3)
        moved += int((radii[owners != image] > model.bank_.radii.numpy()[owners != image] * 1.001).sum())
    assert moved > 50


@pytest.mark.parametrize(
    ("size", "worst_patches", "averaged"),
    [((28, 28), 8, 8), ((60, 90), 8, 8), ((16, 16), 8, 3), ((28, 28), 1, 1)],
)
def test_an_image_scores_the_mean_of_its_worst_patches(
    size: tuple[int, int], worst_patches: int, averaged: int
) -> None:
    patch_scores = np.random.default_rng(0).normal(size=(3, *size)).astype(np.float32)
    found = AdaptiveSieve(worst_patches=worst_patches).image_scores(torch.from_numpy(patch_scores))
    worst = np.sort(patch_scores.reshape(3, -1), axis=1)[:, -averaged:]
    np.testing.assert_allclose(found, worst.mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "named", "certain", "scale"),
    [
        (240, 0, True, None),
        (240, 0, False, 0.8),
        (240, 12, True, 1.0),
        (80, 0, False, 0.8),
        (79, 0, False, 1.0),
    ],
)
def test_in_doubt_what_one_image_alone_shows_is_not_fully_believed(
    synthetic: Synthetic,
    monkeypatch: pytest.MonkeyPatch,
    images: int,
    named: int,
    certain: bool,
    scale: float | None,
) -> None:
    trusted = torch.arange(images) >= named
    monkeypatch.setattr("patchsieve.detectors.adaptive.suspect", lambda *_: Suspicion(~trusted, certain))
    model, train = AdaptiveSieve(), synthetic(images).features
    model.learn(train)
    assert len(model.distrusted_) == named
    assert (model.bank_.weights is not None) == bool(named)
    if scale is None:
        assert model.bank_.radii is None
        return
    owners = model.bank_.origins[:, 0].long()
    whole = Witnesses.measure(train, model.bank_.features, owners, trusted, count=2)
    assert model.bank_.radii is not None
    torch.testing.assert_close(model.bank_.radii, scale * whole.radii)
    last = train.tensor()[-1].flatten(0, 1)
    reach = model.bank_.reach.without(
        model.bank_.of_image(images - 1), scale * whole.radii_without(images - 1)
    )
    expected = model.bank_.weighted(*reach.search(last))
    torch.testing.assert_close(model.score_unseen(train.tensor()[-1:], images - 1)[1].flatten(), expected)


@pytest.mark.parametrize("images", [40, 150])
def test_defects_that_are_alike_are_found_by_their_places(synthetic: Synthetic, images: int) -> None:
    """The third nearest image shows the same defect, but elsewhere: by other images alone it is ordinary."""
    rng, embeddings = np.random.default_rng(0), synthetic(images)
    features = embeddings.features.tensor().clone()
    odd = images // 10
    for image in range(odd):
        features[image, rng.integers(4), rng.integers(5)] = 2 * DEFECT
    model = AdaptiveSieve()
    model.learn(PatchFeatures(features))
    np.testing.assert_array_equal(model.distrusted_, np.arange(odd))
    assert model.contamination_ == pytest.approx(0.1)
    scores = model.score(torch.cat([features[:odd], synthetic(20, seed=1).features.tensor()]))[0]
    assert scores[:odd].min() > scores[odd:].max()


def test_a_small_set_cannot_show_that_all_are_good(synthetic: Synthetic) -> None:
    """It has radii, and loses nothing; a larger one that looks clean has none, nor has one of two images."""
    test, auroc = synthetic(20, seed=1).features.tensor(), {}
    train = contaminated(synthetic(12), 1).features
    for model in (AdaptiveSieve(worst_patches=1), PatchCore()):
        model.learn(train)
        scores = model.score(torch.cat([train.tensor()[:1], test]))[0]
        auroc[model.system] = roc_auc_score([1] + [0] * 20, scores)
        assert len(model.bank_) == 24
    assert auroc["adaptive"] == 1.0
    assert auroc["patchcore"] < 0.5
    model = AdaptiveSieve()
    for count, radii in ((199, True), (200, False), (3, True), (2, False)):
        model.learn(synthetic(count).features)
        assert model.contamination_ == 0
        assert len(model.distrusted_) == 0
        assert model.bank_.weights is None
        assert (model.bank_.radii is not None) == radii
    model.set_params(contamination=0.0).learn(synthetic(20).features)
    assert model.bank_.radii is None


def test_parts_of_the_set_are_as_contaminated_as_the_whole(synthetic: Synthetic) -> None:
    model = AdaptiveSieve(contamination=0.1)
    model.learn(synthetic(20).features)
    assert model.for_fewer(13, 20).contamination == 0.1
    model = AdaptiveSieve()
    model.learn(synthetic(200).features)
    assert model.for_fewer(60, 200).contamination == 0
    model.learn(synthetic(20).features)
    part = model.for_fewer(13, 20)
    part.learn(synthetic(13).features)
    assert part.bank_.radii is not None


def test_a_model_comes_back_and_goes_on_learning(synthetic: Synthetic, tmp_path: Path) -> None:
    model = AdaptiveSieve(coreset_ratio=0.3).fit(contaminated(synthetic(40), 6))
    test = synthetic(5, seed=1).features.tensor()
    model.save(tmp_path / "model.sieve")
    again = load(tmp_path / "model.sieve")
    assert isinstance(again, AdaptiveSieve)
    assert again.contamination_ == model.contamination_ > 0
    assert torch.equal(again.distrusted_, model.distrusted_)
    assert torch.equal(again.score(test)[1], model.score(test)[1])
    suspects = {record.name for record in again.suspects(6).images}
    assert suspects & {f"{index:03}.png" for index in range(6)}
    before = again.score(test)[1]
    again.update(synthetic(5, seed=2))
    assert not torch.equal(again.score(test)[1], before)


def test_what_was_found_is_said(synthetic: Synthetic, tmp_path: Path) -> None:
    said = {
        199: "it is not certain that all images are good: all were learnt from",
        200: "no contamination is evident: all images were learnt from",
    }
    for count, words in said.items():
        model = AdaptiveSieve().fit(synthetic(count))
        assert words in model.finding
        model.save(tmp_path / "model.sieve")
        assert load(tmp_path / "model.sieve").finding == model.finding
    assert AdaptiveSieve().fit(contaminated(synthetic(150), 15)).finding == ""


def test_a_model_without_radii_comes_back(synthetic: Synthetic, tmp_path: Path) -> None:
    model = AdaptiveSieve(contamination=0).fit(synthetic(12))
    test = synthetic(5, seed=1).features.tensor()
    model.save(tmp_path / "model.sieve")
    again = load(tmp_path / "model.sieve")
    assert isinstance(again, AdaptiveSieve)
    assert len(again.distrusted_) == 0
    assert torch.equal(again.score(test)[1], model.score(test)[1])


def test_a_file_from_before_scores_were_means_gives_the_scores_that_its_threshold_is_for(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    model = AdaptiveSieve(contamination=0.1, worst_patches=1).fit(synthetic(20))
    test = synthetic(5, seed=1).features.tensor()
    path = tmp_path / "model.sieve"
    model.save(path)
    tensors, header = read_container(path)
    del header["config"]["worst_patches"]
    write_container(path, tensors, header)
    again = load(path)
    assert again.get_params() == model.get_params()
    assert torch.equal(again.score(test)[0], model.score(test)[0])


@pytest.mark.parametrize(
    "wrong", [{"contamination": -0.1}, {"contamination": 0.5}, {"witnesses": -1}, {"worst_patches": 0}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        AdaptiveSieve(**wrong).check()  # type: ignore[arg-type]


def test_two_images_are_enough_but_not_to_be_split(synthetic: Synthetic) -> None:
    model = AdaptiveSieve().fit(synthetic(2))
    assert model.threshold_ > 0
    with pytest.raises(ImagesError, match="too few"):
        model.for_fewer(1, 2)
    assert AdaptiveSieve().fit(synthetic(4)).threshold_ > 0


def test_what_it_distrusts_does_not_count_as_good_where_thresholds_are_found(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    model = AdaptiveSieve().fit(contaminated(synthetic(150), 15))
    training = model.training_
    assert training.set_aside is not None
    np.testing.assert_array_equal(training.set_aside.nonzero()[0], model.distrusted_)
    found = ScoreTail.of(training.scores[~training.set_aside]).threshold(0.01).threshold
    assert model.threshold_ == pytest.approx(found)
    assert model.threshold_ < ScoreTail.of(training.scores).threshold(0.01).threshold
    model.save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve").training_
    np.testing.assert_array_equal(again.set_aside, training.set_aside)
    np.testing.assert_array_equal(
        PointsFile.read(tmp_path / "line7.sieve").training.set_aside, training.set_aside
    )
    # Who says that one of them is good is believed.
    name = training.images.names[model.distrusted_[0]]
    confirmed = replace(training, kept=(name,)).set_aside
    assert confirmed.sum() == training.set_aside.sum() - 1
    assert not confirmed[model.distrusted_[0]]


def test_added_images_are_not_doubted(synthetic: Synthetic) -> None:
    model = AdaptiveSieve().fit(contaminated(synthetic(150), 15))
    before = model.training_.set_aside
    model.update(synthetic(5, seed=3))
    np.testing.assert_array_equal(model.training_.set_aside, np.pad(before, (0, 5)))


def test_thresholds_are_told_of_no_doubt_only_where_there_is_none(synthetic: Synthetic) -> None:
    """Of so few images no test is sure that all are good; the user may be."""
    images = synthetic(30)
    assert AdaptiveSieve().fit(images).training_.set_aside is None
    np.testing.assert_array_equal(
        AdaptiveSieve(contamination=0).fit(images).training_.set_aside, np.zeros(30, bool)
    )
