"""The quality-weighted SoftPatch: its equations in NumPy, and that low quality pulls less."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from patchsieve.detectors import QualitySoftPatch, load
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import Embeddings, PatchFeatures

Synthetic = Callable[..., Embeddings]
DEFECT = torch.linspace(-5, 5, 12)


def layered(embeddings: Embeddings) -> Embeddings:
    """The same as of two layers, 5 and 7 channels wide."""
    return replace(embeddings, features=PatchFeatures(embeddings.features.tensor(), layer_channels=(5, 7)))


@pytest.mark.parametrize("weighting", ["softmax", "normalised", "none"])
def test_the_score_is_that_of_the_equations(weighting: str, synthetic: Synthetic) -> None:
    train, test = layered(synthetic(20)), synthetic(5, seed=1).features.tensor()
    model = QualitySoftPatch(weighting=weighting, coreset_ratio=0.3)
    model.learn(train.features)
    bank, pulls = model.bank_.features.double().numpy(), model.bank_.weights
    assert pulls is not None
    fused = np.zeros(test.shape[:3])
    for part in (slice(0, 5), slice(5, 12)):
        between = np.linalg.norm(bank[:, None, part] - bank[None, :, part], axis=2)
        np.fill_diagonal(between, np.inf)
        usual = np.sort(between.min(axis=1))[(len(bank) - 1) // 2]
        away = np.linalg.norm(test.double().numpy()[..., None, part] - bank[:, part], axis=4)
        fused += (away / pulls.double().numpy()).min(axis=3) / usual / 2
    quality = model.position_quality_.double().numpy()
    fused /= np.clip((quality.mean() / quality) ** 0.5, 0.5, 2)
    image_scores, patch_scores = model.score(test)
    np.testing.assert_allclose(patch_scores, fused, rtol=2e-2)
    np.testing.assert_allclose(image_scores, fused.max(axis=(1, 2)), rtol=2e-2)


def test_weights_are_relative_to_a_mean_of_one_and_at_most_one(synthetic: Synthetic) -> None:
    model = QualitySoftPatch()
    model.learn(synthetic(30).features)
    qualities = torch.rand(200, 4, 5)
    model.level_ = float(torch.exp(qualities / model.temperature).mean())
    softmax = torch.softmax(qualities.flatten() / model.temperature, dim=0) * qualities.numel()
    torch.testing.assert_close(
        model._pulls(qualities).flatten(), softmax.clamp(0.05, 1), rtol=1e-4, atol=1e-5
    )


def contaminated(synthetic: Synthetic, images: int = 40, odd: int = 16) -> Embeddings:
    """Some of the images hold one kind of defect, each in its own form and at its own place."""
    embeddings = synthetic(images)
    rng = np.random.default_rng(0)
    for image in range(odd):
        row, column = rng.integers(4), rng.integers(5)
        embeddings.features.tensor()[image, row, column] += DEFECT + torch.from_numpy(
            rng.normal(0, 0.3, 12).astype(np.float32)
        )
    return embeddings


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_contaminated_bank_gains_from_it_and_loses_by_the_write_ups_product(
    seed: int, synthetic: Synthetic
) -> None:
    test = synthetic(100, seed=seed).features.tensor()
    rng = np.random.default_rng(seed)
    odd = np.zeros(test.shape[:3], dtype=bool)
    for image in range(50):
        place = image, rng.integers(4), rng.integers(5)
        test[place] += DEFECT + torch.from_numpy(rng.normal(0, 0.3, 12).astype(np.float32))
        odd[place] = True
    areas = {}
    for weighting in ("none", "softmax", "normalised"):
        model = QualitySoftPatch(weighting=weighting, coreset_ratio=0.9, local_threshold=0.0)
        model.learn(contaminated(synthetic).features)
        areas[weighting] = roc_auc_score(odd.ravel(), model.score(test)[1].ravel())
    bank, pulls = model.bank_.features, model.bank_.weights
    assert pulls is not None
    product = (torch.cdist(test.flatten(0, 2), bank) * pulls).amin(dim=1)
    areas["product"] = roc_auc_score(odd.ravel(), product)
    assert 1 - areas["softmax"] < 0.35 * (1 - areas["none"]), areas
    assert 1 - areas["normalised"] < 0.35 * (1 - areas["none"]), areas
    assert areas["product"] < areas["none"], areas


def test_patches_of_defects_pull_less(synthetic: Synthetic) -> None:
    train = contaminated(synthetic)
    model = QualitySoftPatch(coreset_ratio=0.9)
    model.learn(train.features)
    rng = np.random.default_rng(0)
    places = set()
    for image in range(16):
        places.add((image, int(rng.integers(4)), int(rng.integers(5))))
        rng.normal(0, 0.3, 12)
    odd = torch.tensor([tuple(origin) in places for origin in model.bank_.origins.tolist()])
    assert model.bank_.weights is not None
    assert int(odd.sum()) >= 14
    assert model.bank_.weights[odd].median() < 0.6 * model.bank_.weights[~odd].median()


def test_where_good_images_vary_more_the_threshold_is_more_lenient(synthetic: Synthetic) -> None:
    train = synthetic(40)
    noise = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    train.features.tensor()[:, 1, 2] += 2 * noise
    model = QualitySoftPatch(quality_sigma=0.0)
    model.learn(train.features)
    lenient = model.leniency()
    assert lenient.argmax() == 1 * 5 + 2
    assert 1 < lenient[1, 2] <= 2
    model.set_params(local_threshold=0.0)
    assert (model.leniency() == 1).all()


def test_a_reloaded_model_scores_and_goes_on_learning_bit_identically(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    model = QualitySoftPatch().fit(layered(synthetic(20)))
    model.save(tmp_path / "model.sieve")
    again = load(tmp_path / "model.sieve")
    assert isinstance(again, QualitySoftPatch)
    assert again.layer_channels_ == (5, 7)
    test = synthetic(6, seed=1)
    np.testing.assert_array_equal(again.predict(test).maps, model.predict(test).maps)
    more = synthetic(9, seed=2)
    np.testing.assert_array_equal(
        again.update(more).predict(test).scores, model.update(more).predict(test).scores
    )
    assert torch.equal(again.position_quality_, model.position_quality_)
    assert again.threshold_ == model.threshold_


def test_the_same_seed_gives_the_same_bank(synthetic: Synthetic) -> None:
    first, second = (QualitySoftPatch(seed=3) for _ in range(2))
    first.learn(synthetic(20).features)
    second.learn(synthetic(20).features)
    assert torch.equal(first.bank_.features, second.bank_.features)
    assert torch.equal(first.position_quality_, second.position_quality_)


def drifting(synthetic: Synthetic, seed: int, by: float, images: int = 30) -> Embeddings:
    embeddings = synthetic(images, seed=seed)
    embeddings.features.tensor()[...] += by
    return embeddings


def test_it_follows_a_line_that_drifts(synthetic: Synthetic) -> None:
    """A quarter of a patch's noise a day, for eight days."""
    still = QualitySoftPatch(coreset_ratio=0.3).fit(synthetic(40))
    model = QualitySoftPatch(coreset_ratio=0.3).fit(synthetic(40))
    size, mean = len(model.bank_), model.quality_.mean
    for day in range(1, 9):
        model.update(drifting(synthetic, day, 0.25 * day))
    assert len(model.bank_) == size
    assert len(model.training_.images) == 280
    torch.testing.assert_close(model.quality_.mean, mean + 2.0, rtol=0, atol=1.0)
    today = drifting(synthetic, 50, 2.0)
    assert (model.predict(today).scores > model.threshold_).mean() < 0.2
    ours, theirs = model.predict(today).scores, still.predict(today).scores
    assert ours.mean() < 0.8 * theirs.mean()


def test_near_patches_draw_the_bank_by_the_moving_average(synthetic: Synthetic) -> None:
    model = QualitySoftPatch(weighting="none", coreset_ratio=0.2, update_rate=0.25)
    model.learn(synthetic(20).features)
    bank, spacing, origins = model.bank_.features, model.bank_.spacing, model.bank_.origins
    place = 7
    near = bank[place] + 0.1 * spacing * torch.nn.functional.normalize(torch.ones(12), dim=0)
    images = torch.full((1, 4, 5, 12), 1000.0)
    images[0, 2, 3] = near
    model._follow(images)
    torch.testing.assert_close(model.bank_.features[place], torch.lerp(bank[place], near, 0.25))
    others = torch.arange(len(bank)) != place
    assert torch.equal(model.bank_.features[others], bank[others])
    assert torch.equal(model.bank_.origins, origins)


def test_a_rejected_defect_leaves_this_bank_too(synthetic: Synthetic) -> None:
    train = contaminated(synthetic)
    model = QualitySoftPatch(coreset_ratio=0.9).fit(train)
    defects = synthetic(2, seed=5)
    defects.features.tensor()[:, 1, 1] += DEFECT
    before = model.score(defects.features.tensor())[1][:, 1, 1]
    size = len(model.bank_)
    model.reject(defects, boxes={name: [(18, 15, 36, 30)] for name in defects.images.names})
    assert len(model.bank_) <= size
    assert (model.score(defects.features.tensor())[1][:, 1, 1] >= before * 0.98).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weighting": "hard"}, "'hard'; choose one of softmax, normalised, none"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"quality_sigma": -1.0}, r"quality_sigma is -1\.0"),
        ({"quality_share": 1.5}, r"quality_share is 1\.5"),
        ({"update_rate": 0.0}, r"update_rate is 0\.0"),
        ({"local_threshold": -0.5}, r"local_threshold is -0\.5"),
        ({"mutual_k": 0}, "mutual_k is 0"),
    ],
)
def test_what_cannot_work_is_said(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        QualitySoftPatch(**settings).check()  # type: ignore[arg-type]


def test_two_images_are_enough_but_not_to_be_split(synthetic: Synthetic) -> None:
    model = QualitySoftPatch(mutual_k=1).fit(synthetic(2))
    assert model.threshold_ > 0
    with pytest.raises(ImagesError, match="2 training images are too few"):
        model.for_fewer(1, 2)
