"""What all detectors share of fitting: the estimator contract, calibration on unseen images, seeds, suspects."""

from collections.abc import Callable
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from patchsieve.decisions import false_alarm_threshold
from patchsieve.detectors import (
    DETECTORS,
    AdaptiveSieve,
    Detector,
    Ensemble,
    PaDiM,
    PatchCore,
    SoftPatch,
    crossfit,
)
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.trained import TrainedDetector
from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.features import Embeddings
from patchsieve.images import Skipped, read_images
from patchsieve.progress import SILENT

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
detectors = pytest.mark.parametrize("kind", DETECTORS.values(), ids=DETECTORS)
# Networks take seconds to train, and Patch SVDD takes pixels only: their own tests hold them to the same.
UNTRAINED = {name: kind for name, kind in DETECTORS.items() if not issubclass(kind, TrainedDetector)}
untrained = pytest.mark.parametrize("kind", UNTRAINED.values(), ids=UNTRAINED)
# Those whose image score is the largest of the patch scores.
BY_THE_WORST_PATCH = (SoftPatch, PatchCore, PaDiM)
SMALL = {"image_size": 64, "crop": None, "device": "cpu", "batch_size": 4}


def bank_of(model: Detector) -> torch.Tensor:
    assert isinstance(model, BankDetector)
    return model.bank_.origins


@untrained
def test_fitted_to_rank_it_scores_alike_and_refuses_what_needs_a_threshold(
    kind: type[Detector], synthetic: Synthetic, tmp_path: Path
) -> None:
    learnt, held_out = synthetic(9), synthetic(4, seed=1)
    model = kind().fit_ranking(learnt)
    whole, ranked = kind().fit(learnt).predict(held_out), model.predict(held_out)
    np.testing.assert_array_equal(ranked.scores, whole.scores)
    np.testing.assert_array_equal(ranked.maps, whole.maps)
    assert ranked.verdicts == ("good",) * 4
    for refused in (model.suspects, lambda: model.save(tmp_path / "model.sieve")):
        with pytest.raises(ConfigError, match="rank only"):
            refused()


@detectors
def test_the_constructor_stores_and_nothing_else(kind: type[Detector]) -> None:
    layers = ["stage2", "stage3"]
    model = kind(layers=layers, tau=-5, seed=7) if kind is SoftPatch else kind(layers=layers, seed=7)
    assert model.layers is layers
    assert vars(model).keys() == {field.name for field in fields(model)} == model.get_params().keys()
    assert model.get_params()["seed"] == 7


@untrained
def test_settings_can_be_changed_and_copied_without_what_was_learnt(
    kind: type[Detector], synthetic: Synthetic
) -> None:
    model = kind(sigma=2.0).set_params(folds=4)
    assert model.folds == 4
    with pytest.raises(ValueError, match="no_such_setting"):
        model.set_params(no_such_setting=1)
    model.fit(synthetic(9))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "threshold_")


@untrained
def test_fit_returns_the_model_with_what_it_learnt(kind: type[Detector], synthetic: Synthetic) -> None:
    model = kind()
    before = model.get_params()
    assert model.fit(synthetic(12)) is model
    assert model.get_params() == before
    assert model.training_.scores.shape == (12,)
    assert model.training_.patch_maps.shape == (12, 4, 5)
    assert set(model.timings_) == {"embedding", "fit", "calibration"}
    if kind in BY_THE_WORST_PATCH:
        np.testing.assert_allclose(
            model.training_.scores, model.training_.patch_maps.flatten(1).amax(dim=1), rtol=1e-6
        )


@detectors
def test_what_is_not_fitted_says_so(kind: type[Detector], tmp_path: Path) -> None:
    uses: list[Callable[[Detector], object]] = [
        lambda model: model.predict(tmp_path),
        lambda model: model.suspects(),
        lambda model: model.save(tmp_path / "m.sieve"),
    ]
    for use in uses:
        with pytest.raises(ConfigError, match=f"this {kind.__name__} is not fitted yet"):
            use(kind())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [kind for kind in UNTRAINED.values() if issubclass(kind, BankDetector)])
def test_with_a_bank_each_image_is_scored_by_what_others_gave_to_it(
    kind: type[BankDetector], synthetic: Synthetic
) -> None:
    embeddings = synthetic(30)
    model = kind(**({"contamination": 0.0} if kind is AdaptiveSieve else {})).fit(embeddings)
    assert model.passes_over
    for index in model.bank_.origins[:, 0].unique().tolist():
        alone = copy(model)
        alone.bank_ = model.bank_.take(model.bank_.origins[:, 0] != index)
        assert len(alone.bank_) < len(model.bank_)
        image_scores, patch_scores = alone.score(embeddings.features.tensor()[[index]])
        torch.testing.assert_close(torch.from_numpy(model.training_.scores[[index]]), image_scores)
        torch.testing.assert_close(model.training_.patch_maps[[index]], patch_scores)


def test_where_no_image_can_be_passed_over_the_models_of_folds_score(synthetic: Synthetic) -> None:
    model = PatchCore(bank_size=1).fit(synthetic(12))
    assert not model.passes_over
    scores, maps = crossfit.out_of_sample(model, synthetic(12).features, SILENT)
    np.testing.assert_array_equal(model.training_.scores, scores)
    assert torch.equal(model.training_.patch_maps, maps)


# An ensemble cross-fits its members one by one; test_ensemble.py holds it to that.
@pytest.mark.parametrize(
    "kind", [kind for kind in UNTRAINED.values() if not issubclass(kind, Ensemble | BankDetector)]
)
def test_with_a_fold_for_every_image_each_is_scored_by_a_model_of_all_the_others(
    kind: type[Detector], synthetic: Synthetic
) -> None:
    embeddings = synthetic(9)
    model = kind(folds=9).fit(embeddings)
    for index in range(9):
        others = [other for other in range(9) if other != index]
        alone = clone(model)
        alone.learn(embeddings.features.take(others))
        image_scores, patch_scores = alone.score(embeddings.features.tensor()[[index]])
        torch.testing.assert_close(torch.from_numpy(model.training_.scores[[index]]), image_scores)
        torch.testing.assert_close(model.training_.patch_maps[[index]], patch_scores)


@pytest.mark.parametrize("settings", [{"folds": 2}, {"folds": 5}, {"folds": 100}, {"index": "faiss-ivf"}])
def test_no_training_image_is_scored_by_a_bank_that_holds_it(
    settings: dict[str, Any], synthetic: Synthetic
) -> None:
    """With all patches in the bank, a patch that met itself would be at distance zero."""
    model = PatchCore(coreset_ratio=1.0, **settings).fit(synthetic(11))
    by_folds, _ = crossfit.out_of_sample(model, synthetic(11).features, SILENT)
    assert (by_folds > 0.1).all()
    assert (model.training_.patch_maps > 0.1).all()
    assert (model.score(synthetic(11).features.tensor())[1] == 0).all()


@untrained
def test_the_threshold_is_the_robust_one_of_the_unseen_scores(
    kind: type[Detector], synthetic: Synthetic
) -> None:
    model = kind(false_alarms=0.1).fit(synthetic(20))
    assert model.threshold_ == false_alarm_threshold(model.training_.scores, 0.1).threshold
    assert model.threshold_ < kind(false_alarms=0.01).fit(synthetic(20)).threshold_


def test_good_images_pass_and_defective_ones_do_not_though_a_tenth_was_defective(
    synthetic: Synthetic,
) -> None:
    train = synthetic(60)
    train.features.tensor()[[5, 17, 29, 41, 48, 59], 2, 2] += 7.0
    test = synthetic(40, seed=1)
    test.features.tensor()[30:, 1, 3] += 7.0
    verdicts = SoftPatch().fit(train).predict(test).verdicts
    assert verdicts[30:] == ("defect",) * 10
    assert verdicts[:30].count("defect") <= 2


@untrained
def test_the_same_seed_gives_the_same_model_bit_for_bit(kind: type[Detector], synthetic: Synthetic) -> None:
    first, again, other = (kind(seed=seed).fit(synthetic(15)) for seed in (5, 5, 6))
    learnt, same = first._state(), again._state()
    assert learnt.keys() == same.keys()
    assert all(torch.equal(learnt[name], same[name]) for name in learnt)
    np.testing.assert_array_equal(first.training_.scores, again.training_.scores)
    assert torch.equal(first.training_.patch_maps, again.training_.patch_maps)
    assert first.threshold_ == again.threshold_
    assert not np.array_equal(first.training_.scores, other.training_.scores)


@untrained
def test_fitting_leaves_the_embeddings_alone(kind: type[Detector], synthetic: Synthetic) -> None:
    embeddings = synthetic(15)
    before = embeddings.features.tensor().clone()
    kind().fit(embeddings).predict(embeddings)
    assert torch.equal(embeddings.features.tensor(), before)


@untrained
def test_suspects_are_the_training_images_that_look_worst_to_others(
    kind: type[Detector], synthetic: Synthetic
) -> None:
    embeddings = synthetic(30)
    embeddings.features.tensor()[7, 1, 1] += 12.0
    embeddings.features.tensor()[21, 3, 4] += 25.0
    model = kind().fit(embeddings)
    suspects = model.suspects()
    # Whether the second stands out of thirty images is a matter of the threshold; its rank is not.
    assert suspects.images.names[0] == "021.png"
    assert model.suspects(top=2).images.names == ("021.png", "007.png")
    assert (suspects.scores > model.threshold_).all()
    assert len(suspects) == (model.training_.scores > model.threshold_).sum()
    top = model.suspects(top=5)
    assert len(top) == 5
    assert top.scores.tolist() == sorted(model.training_.scores.tolist(), reverse=True)[:5]
    assert top.maps.shape == (5, 64, 64)
    assert np.unravel_index(top.maps[0].argmax(), (64, 64))[0] > 48
    assert len(model.suspects(top=1000)) == 30
    assert len(model.suspects(top=0)) == 0


@detectors
@pytest.mark.parametrize("images", [0, 1])
def test_too_few_images_to_vary_are_counted(kind: type[Detector], images: int, synthetic: Synthetic) -> None:
    with pytest.raises(ImagesError, match=f"only {images} distinct usable training image"):
        kind().fit(synthetic(5).take(np.arange(images)))


@detectors
def test_identical_images_are_said_to_be_so(kind: type[Detector], synthetic: Synthetic) -> None:
    with pytest.raises(ImagesError, match=r"all 8 training images .* look identical to the backbone"):
        kind().fit(synthetic(8).take([3] * 8))


@detectors
@pytest.mark.parametrize(
    "setting",
    [{"folds": 1}, {"batch_size": 0}, {"sigma": -1.0}, {"false_alarms": 1.0}, {"seed": -1}],
    ids=lambda setting: next(iter(setting)),
)
def test_settings_that_cannot_work_are_said_before_the_work(
    kind: type[Detector], setting: dict[str, float], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        kind(**setting).fit(tmp_path / "not even looked for")  # type: ignore[arg-type]


def test_a_folder_is_learnt_from_without_copies_and_broken_files(photographs: Photographs) -> None:
    folder = photographs("line", 9)
    (folder / "08.png").write_bytes((folder / "00.png").read_bytes())
    (folder / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"cut")
    model = PatchCore(**SMALL).fit(folder)  # type: ignore[arg-type]
    assert model.training_.images.names == (
        "00.png",
        "01.png",
        "02.png",
        "04.png",
        "05.png",
        "06.png",
        "07.png",
    )
    assert [skip.name for skip in model.training_.skipped] == ["08.png", "03.png"]
    assert model.training_.skipped[0].reason == "exact copy of 00.png"
    with pytest.raises(BrokenImageError, match=r"03\.png"):
        PatchCore(**SMALL).fit(folder, strict=True)  # type: ignore[arg-type]


def test_only_the_train_part_of_a_layout_is_learnt_from(photographs: Photographs, tmp_path: Path) -> None:
    for part, count in (("train", 6), ("test", 3)):
        photographs(part, count, seed=count)
        (tmp_path / "set" / part).mkdir(parents=True)
        (tmp_path / part).rename(tmp_path / "set" / part / "good")
    model = PatchCore(**SMALL).fit(tmp_path / "set")  # type: ignore[arg-type]
    assert len(model.training_.images) == 6
    assert len(model.predict(tmp_path / "set")) == 9


def test_embeddings_give_the_model_that_their_images_give(photographs: Photographs) -> None:
    folder = photographs("line", 8)
    by_images = SoftPatch(**SMALL, lof_k=3).fit(folder)  # type: ignore[arg-type]
    embeddings = by_images.embed(read_images(folder))
    by_embeddings = SoftPatch(**SMALL, lof_k=3).fit(embeddings)  # type: ignore[arg-type]
    assert torch.equal(bank_of(by_images), bank_of(by_embeddings))
    assert by_images.threshold_ == by_embeddings.threshold_


def test_wide_features_are_scored_in_full_though_the_coreset_is_projected(synthetic: Synthetic) -> None:
    train, test = synthetic(12, channels=200), synthetic(4, channels=200, seed=1)
    model = PatchCore(projection_dims=16)
    model.learn(train.features)
    expected = torch.cdist(test.features.tensor().reshape(-1, 200), model.bank_.features).amin(dim=1)
    torch.testing.assert_close(
        model.score(test.features.tensor())[1].flatten(), expected, rtol=1e-4, atol=1e-4
    )


def test_skipped_images_are_remembered_from_embeddings_too(synthetic: Synthetic) -> None:
    skipped = (Skipped("broken.png", "truncated"),)
    assert PatchCore().fit(replace(synthetic(6), skipped=skipped)).training_.skipped == skipped


def test_the_models_of_the_folds_have_banks_as_dense_as_the_whole(synthetic: Synthetic) -> None:
    whole = PatchCore(bank_size=90)
    assert whole.for_fewer(20, 30).bank_size == 60
    assert PatchCore(bank_size=None).for_fewer(20, 30).bank_size is None
    features = synthetic(30).features
    whole.learn(features)
    part = whole.for_fewer(20, 30)
    part.learn(features.take(np.arange(20)))
    # 600 and 400 patches, the ratio alone would allow 60 and 40.
    assert (len(whole.bank_), len(part.bank_)) == (60, 40)
