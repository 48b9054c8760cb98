"""Ensembles: calibration, fusion, members with features of their own, and what is kept of them."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import median_abs_deviation

from patchsieve.detectors import Ensemble, PatchCore, load, make_detector
from patchsieve.errors import ConfigError, ModelFileError
from patchsieve.features import Embeddings
from patchsieve.progress import SILENT

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
Array = npt.NDArray[np.float64]
TWO = ({"detector": "softpatch", "lof_k": 4}, {"detector": "padim", "channels": 6})
SMALL = {"image_size": 64, "crop": None, "device": "cpu", "batch_size": 4}
# Two layers of one backbone, on different grids: as different as two backbones, and sooner there.
APART = (
    {"detector": "patchcore", "layers": ["stage3"]},
    {"detector": "padim", "layers": ["stage2"], "channels": 20},
    {"detector": "softpatch", "layers": ["stage3"], "lof_k": 3},
)


def standard(scores: Array, unseen: Array) -> Array:
    return np.asarray((scores - np.median(unseen)) / median_abs_deviation(unseen, axis=None))


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_fusion_is_that_of_the_formula(fusion: str, synthetic: Synthetic) -> None:
    train, test = synthetic(20), synthetic(7, seed=1)
    model = Ensemble(members=TWO, fusion=fusion, seed=3)
    model.learn(train.features)
    unseen, scored = [], []
    for member in TWO:
        settings = {name: value for name, value in member.items() if name != "detector"}
        alone = make_detector(str(member["detector"]), {**settings, "seed": 3, "patch_size": 3})
        alone.learn(train.features)
        unseen.append([np.asarray(part) for part in alone.out_of_sample(train.features, SILENT)])
        scored.append([part.numpy() for part in alone.score(test.features.tensor())])
    for kind, ours in enumerate(model.score(test.features.tensor())):
        common = np.stack([standard(scored[i][kind], unseen[i][kind]) for i in range(2)])
        fused = common.mean(axis=0) if fusion == "mean" else common.max(axis=0)
        first = unseen[0][kind]
        expected = np.median(first) + median_abs_deviation(first, axis=None) * fused
        np.testing.assert_allclose(ours.numpy(), expected, rtol=2e-4, atol=2e-4)


def test_an_ensemble_of_one_is_its_member(synthetic: Synthetic) -> None:
    train, test = synthetic(20), synthetic(9, seed=1)
    ensemble = Ensemble(members=[{"detector": "patchcore", "coreset_ratio": 0.3}], seed=2).fit(train)
    member = PatchCore(coreset_ratio=0.3, seed=2).fit(train)
    np.testing.assert_allclose(ensemble.training_.scores, member.training_.scores, rtol=1e-5)
    np.testing.assert_allclose(ensemble.training_.patch_maps, member.training_.patch_maps, rtol=1e-4)
    np.testing.assert_allclose(ensemble.predict(test).scores, member.predict(test).scores, rtol=1e-5)
    np.testing.assert_allclose(ensemble.predict(test).maps, member.predict(test).maps, rtol=1e-4)
    assert ensemble.threshold_ == pytest.approx(member.threshold_, rel=1e-5)


def test_what_an_image_scores_does_not_depend_on_those_it_is_judged_with(synthetic: Synthetic) -> None:
    """Fusion by the range of the test set, which is often done, would fail here."""
    model = Ensemble(members=TWO).fit(synthetic(20))
    test = synthetic(12, seed=1)
    test.features.tensor()[6:] += 30.0
    together = model.predict(test)
    alone = model.predict(test.take([2]))
    np.testing.assert_allclose(alone.scores, together.scores[[2]], rtol=1e-5)
    np.testing.assert_allclose(alone.maps, together.maps[[2]], rtol=1e-4)


def test_calibration_is_by_scores_of_images_that_were_not_seen(synthetic: Synthetic) -> None:
    """With all its patches in the bank every training image is at distance zero: no scale could come from that."""
    train = synthetic(15)
    model = Ensemble(members=[{"detector": "patchcore", "coreset_ratio": 1.0}])
    model.learn(train.features)
    assert model.members_[0].score(train.features.tensor())[0].max() == 0
    scale = model.calibrations_[0].images
    assert scale.centre > 1
    assert scale.spread > 0


def test_a_defective_tenth_hardly_moves_the_calibration(synthetic: Synthetic) -> None:
    clean, dirty = Ensemble(members=TWO), Ensemble(members=TWO)
    clean.learn(synthetic(50).features)
    contaminated = synthetic(50)
    contaminated.features.tensor()[::10, 1, 1] += 40.0
    dirty.learn(contaminated.features)
    for before, after in zip(clean.calibrations_, dirty.calibrations_, strict=True):
        assert abs(after.images.centre - before.images.centre) < 1.5 * before.images.spread
        assert after.images.spread < 2 * before.images.spread


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_a_defect_that_one_member_sees_is_found(fusion: str, synthetic: Synthetic) -> None:
    test = synthetic(20, seed=1)
    test.features.tensor()[15:, 2, 2] += 8.0
    result = Ensemble(members=TWO, fusion=fusion).fit(synthetic(40)).predict(test)
    assert result.verdicts[15:] == ("defect",) * 5
    assert result.verdicts[:15].count("defect") <= 2


@pytest.mark.parametrize("cached", [False, True])
def test_members_work_from_features_of_their_own(
    cached: bool, photographs: Photographs, tmp_path: Path
) -> None:
    train, test = photographs("train", 12), photographs("test", 4, marked={1: (30, 30)}, seed=1)
    (train / "05.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"cut")
    cache = tmp_path / "cache" if cached else None
    model = Ensemble(members=APART, **SMALL).fit(train, cache=cache)  # type: ignore[arg-type]
    assert len(model.extractor_.others) == 1
    assert [skip.name for skip in model.training_.skipped] == ["05.png"]
    assert len(model.training_.images) == 11
    result = model.predict(test)
    assert result.ranked()[0] == 1
    assert result.maps.shape == (4, 64, 64)
    down, across = np.unravel_index(result.maps[1].argmax(), (64, 64))
    # The mark is at 30 to 42 of 96 across and of 64 down.
    assert 16 <= across <= 32
    assert 26 <= down <= 46
    for settings, member in zip(APART, model.members_, strict=True):
        alone = make_detector(
            str(settings["detector"]),
            {
                **SMALL,
                "patch_size": 3,
                **{name: value for name, value in settings.items() if name != "detector"},
            },
        ).fit(train)
        features = alone.extractor_.embed(result.images).features.tensor()
        torch.testing.assert_close(member.score(features)[0], alone.score(features)[0])


def test_a_reloaded_ensemble_is_the_same(photographs: Photographs, tmp_path: Path) -> None:
    model = Ensemble(members=APART, fusion="max", **SMALL).fit(photographs("train", 9))  # type: ignore[arg-type]
    model.save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve", device="cpu")
    assert isinstance(again, Ensemble)
    test = photographs("test", 3, seed=1)
    np.testing.assert_array_equal(again.predict(test).scores, model.predict(test).scores)
    np.testing.assert_array_equal(again.predict(test).maps, model.predict(test).maps)
    assert again.suspects(3).images.names == model.suspects(3).images.names
    again.save(tmp_path / "copy.sieve")
    assert load(tmp_path / "copy.sieve").predict(test).scores.tolist() == model.predict(test).scores.tolist()


def test_embeddings_serve_members_that_extract_alike_or_come_from_the_ensemble(
    photographs: Photographs, synthetic: Synthetic
) -> None:
    folder = photographs("train", 8)
    model = Ensemble(members=APART, **SMALL)  # type: ignore[arg-type]
    embeddings = model.embed(folder)
    by_images = Ensemble(members=APART, **SMALL).fit(folder)  # type: ignore[arg-type]
    model.fit(embeddings)
    np.testing.assert_array_equal(model.training_.scores, by_images.training_.scores)
    np.testing.assert_array_equal(model.predict(embeddings).scores, by_images.predict(embeddings).scores)
    with pytest.raises(ConfigError, match="need features of 2 kinds, not of 1: give images"):
        Ensemble(members=APART).fit(synthetic(8))


def test_weights_of_a_member_that_changed_are_noticed(photographs: Photographs, tmp_path: Path) -> None:
    model = Ensemble(members=APART, **SMALL).fit(photographs("train", 6))  # type: ignore[arg-type]
    (other,) = model.extractor_.others
    model.extractor_ = replace(model.extractor_, others=(replace(other, backbone=_renamed(other.backbone)),))
    model.save(tmp_path / "line7.sieve")
    with pytest.raises(ModelFileError, match="other weights of efficientnet_lite0"):
        load(tmp_path / "line7.sieve")


def _renamed(backbone: object) -> object:
    changed = copy(backbone)
    changed.weights_hash = "0" * 64  # type: ignore[attr-defined]
    return changed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"members": []}, "an ensemble needs at least one member"),
        ({"members": [{"tau": 0.1}]}, "member 1 of the ensemble has no detector"),
        ({"members": [{"detector": "best"}]}, "in ensemble: there is no detector 'best'"),
        ({"members": [{"detector": "patchcore", "tau": 0.1}]}, "in ensemble: patchcore has no setting 'tau'"),
        ({"members": [{"detector": "ensemble"}]}, "an ensemble cannot be part of ensemble"),
        ({"members": [{"detector": "patchcore", "folds": 4}]}, "folds cannot be set for patchcore alone"),
        ({"fusion": "median"}, "there is no fusion 'median'; choose one of mean, max"),
        (
            {"members": [{"detector": "patchcore"}, {"detector": "patchcore", "crop": None}]},
            "see different parts of the image",
        ),
    ],
)
def test_settings_that_cannot_work_are_said(
    settings: dict[str, object], said: str, photographs: Photographs
) -> None:
    with pytest.raises(ConfigError, match=said):
        Ensemble(**settings).fit(photographs("train", 2))  # type: ignore[arg-type]


def test_members_of_other_sizes_that_see_the_same_are_welcome() -> None:
    sizes = [{"detector": "patchcore"}, {"detector": "patchcore", "image_size": 128, "crop": 112}]
    extractor = Ensemble(members=sizes).make_extractor()
    assert [part.preprocessing.frame for part in extractor.parts] == [(224, 224), (112, 112)]
