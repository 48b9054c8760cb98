"""CFLOW as a whole: it learns a density and places, finds what does not belong, and comes back from its file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, spearmanr
from sklearn.metrics import roc_auc_score

from patchsieve.detectors import CFlow, load
from patchsieve.detectors.cflow.positions import position_encoding
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.features.feature_file import FeatureFile
from patchsieve.progress import Stage

Synthetic = Callable[..., Embeddings]
# Small flows that train in a second.
SMALL = {"coupling_blocks": 2, "position_channels": 8, "epochs": 3, "epoch_steps": 10, "training_batch": 64}


def features(tensor: torch.Tensor, *layer_channels: int) -> PatchFeatures:
    return PatchFeatures(tensor, layer_channels=layer_channels or None)


def learnt(train: PatchFeatures, **settings: object) -> CFlow:
    model = CFlow(**{**SMALL, **settings})  # type: ignore[arg-type]
    model.learn(train)
    return model


def test_it_learns_a_density() -> None:
    """On patches of a known normal distribution the scores follow the true density, and the likelihoods are its."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(4, 4))
    truth = multivariate_normal([5, -2, 0, 1], mixing @ mixing.T)
    patches = truth.rvs((200, 4, 4), random_state=rng).astype(np.float32)
    model = learnt(
        features(torch.from_numpy(patches)),
        **{
            "coupling_blocks": 4,
            "epochs": 10,
            "epoch_steps": 60,
            "learning_rate": 0.01,
            "training_batch": 128,
        },
    )
    test = truth.rvs((4, 4, 4), random_state=rng).astype(np.float32)
    test[2:] += rng.normal(0, 1.5, test[2:].shape)
    expected = truth.logpdf(test)
    scores = model.score(torch.from_numpy(test))[1].numpy()
    assert spearmanr(scores.ravel(), -expected.ravel()).statistic > 0.97
    found = 4 * model.flows_(
        torch.from_numpy(test[:2]).reshape(-1, 4), position_encoding(4, 4, 8).repeat(2, 1)
    )
    assert found.mean().item() == pytest.approx(expected[:2].mean(), abs=0.4)


def test_the_score_is_the_logarithm_of_the_papers_sum() -> None:
    random = torch.Generator().manual_seed(0)
    train = torch.randn(12, 3, 4, 7, generator=random)
    model = learnt(features(train, 5, 2))
    test = 1.5 * torch.randn(5, 3, 4, 7, generator=random)
    image_scores, patch_scores = model.score(test)
    places = position_encoding(3, 4, 8).repeat(5, 1)
    likelihoods = model.flows_(test.reshape(-1, 7), places).double().numpy()
    probabilities = np.minimum(np.exp(likelihoods - model.flows_.likeliest.numpy()[:, None]), 1).sum(axis=0)
    np.testing.assert_allclose(patch_scores.flatten(), -np.log(probabilities / 2), rtol=1e-4, atol=1e-5)
    assert torch.equal(image_scores, patch_scores.flatten(1).amax(dim=1))
    # The order of the paper's scores, its largest sum less each.
    order = np.argsort(patch_scores.flatten().numpy())
    assert np.array_equal(order, np.argsort(probabilities.max() - probabilities))
    assert (patch_scores >= 0).all()


def test_each_layer_counts_by_its_own_density() -> None:
    """A layer is one flow: what the other layers hold does not change it."""
    random = torch.Generator().manual_seed(0)
    train = torch.randn(12, 3, 4, 7, generator=random)
    other = train.clone()
    other[..., :5] *= 3
    one, two = learnt(features(train, 5, 2)), learnt(features(other, 5, 2))
    places = position_encoding(3, 4, 8).repeat(12, 1)
    likelihoods = [model.flows_(data.reshape(-1, 7), places) for model, data in ((one, train), (two, other))]
    torch.testing.assert_close(likelihoods[0][1], likelihoods[1][1])
    assert (likelihoods[0][0] - likelihoods[1][0]).abs().min() > 0.5


def test_what_is_normal_elsewhere_is_a_defect_here() -> None:
    """Two places with an appearance each: swapped, all patches are known, and none is where it belongs."""
    rng = np.random.default_rng(1)
    appearance = np.zeros((1, 1, 2, 6))
    appearance[0, 0, 0, :3], appearance[0, 0, 1, 3:] = 3, 3
    train = (appearance + 0.5 * rng.normal(size=(600, 1, 2, 6))).astype(np.float32)
    test = torch.from_numpy((appearance + 0.5 * rng.normal(size=(20, 1, 2, 6))).astype(np.float32))
    model = learnt(features(torch.from_numpy(train)), epochs=8, epoch_steps=40, learning_rate=0.01)
    belonging, swapped = model.score(test)[0], model.score(test.flip(2))[0]
    assert roc_auc_score([0] * 20 + [1] * 20, torch.cat([belonging, swapped])) > 0.97


def test_a_planted_defect_is_found(synthetic: Synthetic) -> None:
    train, test = synthetic(40), synthetic(12, seed=1)
    test.features.tensor()[4, 2, 3] += 6
    model = CFlow(**{**SMALL, "epochs": 8, "epoch_steps": 30}).fit(train)  # type: ignore[arg-type]
    result = model.predict(test)
    assert result.scores.argmax() == 4
    assert result.verdicts[4] == "defect"
    assert result.verdicts.count("good") >= 9
    patch_scores = model.score(test.features.tensor())[1][4]
    assert divmod(int(patch_scores.argmax()), 5) == (2, 3)


def test_the_same_seed_gives_the_same_model_whatever_was_drawn_before(synthetic: Synthetic) -> None:
    train = synthetic(12)
    torch.manual_seed(1)
    np.random.seed(1)
    one = learnt(train.features)
    drawn = torch.rand(1), np.random.rand()
    torch.manual_seed(2)
    np.random.seed(2)
    two, other = learnt(train.features), learnt(train.features, seed=1)
    scores = [model.score(train.features.tensor())[1] for model in (one, two, other)]
    assert torch.equal(scores[0], scores[1])
    assert not torch.allclose(scores[0], scores[2])
    torch.manual_seed(1)
    np.random.seed(1)
    assert drawn == (torch.rand(1), np.random.rand())


def test_a_model_comes_back_from_its_file(synthetic: Synthetic, tmp_path: Path) -> None:
    train, test = synthetic(12), synthetic(6, seed=1)
    train = replace(train, features=features(train.features.tensor(), 7, 5))
    model = CFlow(**SMALL).fit(train)  # type: ignore[arg-type]
    model.save(tmp_path / "model.sieve")
    loaded = load(tmp_path / "model.sieve")
    assert isinstance(loaded, CFlow)
    assert loaded.get_params() == model.get_params()
    assert loaded.threshold_ == model.threshold_
    for ours, theirs in zip(
        loaded.score(test.features.tensor()), model.score(test.features.tensor()), strict=True
    ):
        assert torch.equal(ours, theirs)
    loaded.save(tmp_path / "again.sieve")
    assert load(tmp_path / "again.sieve").predict(test).scores.tolist() == model.predict(test).scores.tolist()


def test_nobody_elses_random_numbers_change_when_a_model_comes_back(synthetic: Synthetic) -> None:
    model = learnt(synthetic(6).features)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    model._restore(model._state(), torch.device("cpu"))
    assert torch.rand(1) == expected


def test_features_in_a_file_give_the_same_model(synthetic: Synthetic, tmp_path: Path) -> None:
    data = synthetic(12).features.tensor()
    (tmp_path / "features").write_bytes(data.numpy().tobytes())
    store = FeatureFile(tmp_path / "features", torch.float32, (12, 4, 5, 12))
    on_disk = learnt(PatchFeatures(store, layer_channels=(8, 4)))
    in_memory = learnt(features(data, 8, 4))
    assert torch.equal(on_disk.score(data)[1], in_memory.score(data)[1])


class Interrupting:
    """Press Ctrl-C after so many units of all stages together; count them."""

    def __init__(self, after: int | None = None) -> None:
        self.units, self.after = 0, after

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self.units += amount
        if self.after is not None and self.units >= self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [5, 25, 36])
def test_an_interrupted_fit_goes_on_and_leaves_nothing_behind(
    after: int, synthetic: Synthetic, tmp_path: Path
) -> None:
    train = synthetic(12)
    whole = CFlow(**SMALL).fit(train)  # type: ignore[arg-type]
    cache = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        CFlow(**SMALL).fit(train, cache=cache, progress=Interrupting(after))  # type: ignore[arg-type]
    assert list(cache.rglob("*.safetensors")) or after < 10
    again = CFlow(**SMALL).fit(train, cache=cache)  # type: ignore[arg-type]
    assert np.array_equal(again.training_.scores, whole.training_.scores)
    assert torch.equal(again.score(train.features.tensor())[1], whole.score(train.features.tensor())[1])
    assert not list(cache.rglob("*.safetensors"))


def test_other_settings_or_images_do_not_take_over_an_unfinished_training(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    train, others = synthetic(12), synthetic(12, seed=1)
    with pytest.raises(KeyboardInterrupt):
        CFlow(**SMALL).fit(train, cache=tmp_path, progress=Interrupting(25))  # type: ignore[arg-type]
    for settings, data in (({"clamp": 1.5}, train), ({}, others)):
        expected = CFlow(**{**SMALL, **settings}).fit(data)  # type: ignore[arg-type]
        found = CFlow(**{**SMALL, **settings}).fit(data, cache=tmp_path)  # type: ignore[arg-type]
        assert np.array_equal(found.training_.scores, expected.training_.scores)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"coupling_blocks": 0}, "coupling_blocks is 0"),
        ({"clamp": 0.0}, "clamp is 0.0"),
        ({"clamp": float("nan")}, "clamp is nan"),
        ({"position_channels": 6}, "position_channels is 6: it must be a multiple of 4"),
        ({"position_channels": 0}, "position_channels is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epoch_steps": 0}, "epoch_steps is 0"),
        ({"training_batch": 0}, "training_batch is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"validation_share": 0.0}, "validation_share is 0.0"),
        ({"validation_share": 1.0}, "validation_share is 1.0"),
        ({"folds": 1}, "folds is 1"),
    ],
)
def test_settings_that_cannot_work_are_said(
    settings: dict[str, object], said: str, synthetic: Synthetic
) -> None:
    with pytest.raises(ConfigError, match=said):
        CFlow(**settings).fit(synthetic(5))  # type: ignore[arg-type]


def test_a_learning_rate_far_too_high_is_said(synthetic: Synthetic) -> None:
    with pytest.raises(ConfigError, match="lower learning_rate"):
        learnt(synthetic(6).features, learning_rate=1e30)


def test_two_images_are_too_few(synthetic: Synthetic) -> None:
    with pytest.raises(ImagesError, match="2 training images are too few for cflow"):
        CFlow(**SMALL).fit(synthetic(2))  # type: ignore[arg-type]
