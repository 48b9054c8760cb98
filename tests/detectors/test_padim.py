"""PaDiM against NumPy's covariance and SciPy's Mahalanobis distance, position by position."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from patchsieve.detectors import PaDiM, load, padim
from patchsieve.errors import ConfigError
from patchsieve.features import Embeddings, PatchFeatures

Synthetic = Callable[..., Embeddings]


def twin(train: torch.Tensor, test: torch.Tensor, eps: float) -> npt.NDArray[np.float64]:
    """Equations 1 and 2 for every patch: M `[B, H, W]`."""
    known, new = train.double().numpy(), test.double().numpy()
    scores = np.empty(new.shape[:3])
    for place in np.ndindex(*new.shape[1:3]):
        there = known[:, *place]
        inverse = np.linalg.inv(np.cov(there, rowvar=False) + eps * np.eye(there.shape[1]))
        scores[:, *place] = [mahalanobis(x, there.mean(axis=0), inverse) for x in new[:, *place]]
    return scores


@pytest.mark.parametrize("images", [8, 40], ids=["fewer images than channels", "more"])
@pytest.mark.parametrize("eps", [0.01, 1.0])
def test_the_scores_are_those_of_the_equations(images: int, eps: float, synthetic: Synthetic) -> None:
    train, test = synthetic(images).features, synthetic(7, seed=1).features
    model = PaDiM(gaussian_eps=eps)
    model.learn(train)
    image_scores, patch_scores = model.score(test.tensor())
    expected = twin(train.tensor(), test.tensor(), eps)
    np.testing.assert_allclose(patch_scores, expected, rtol=1e-4)
    np.testing.assert_allclose(image_scores, expected.max(axis=(1, 2)), rtol=1e-4)


def test_features_far_from_zero_and_of_unlike_size_lose_no_digits(synthetic: Synthetic) -> None:
    """Means of a thousand, and channels that vary by 0.1 beside some that vary by 100."""
    sizes = torch.logspace(-1, 2, 12)
    train, test = (synthetic(30, seed=seed).features.tensor() * sizes + 1000 for seed in (0, 1))
    model = PaDiM()
    model.learn(PatchFeatures(train))
    np.testing.assert_allclose(model.score(test)[1], twin(train, test, 0.01), rtol=2e-3)


def test_the_channels_are_a_seeded_random_choice_and_the_others_do_not_matter(synthetic: Synthetic) -> None:
    train, test = synthetic(20).features, synthetic(5, seed=1).features
    first, again, other = (PaDiM(channels=5, seed=seed) for seed in (1, 1, 2))
    for model in (first, again, other):
        model.learn(train)
    assert torch.equal(first.channels_, again.channels_)
    assert not torch.equal(first.channels_, other.channels_)
    assert first.channels_.tolist() == sorted(set(first.channels_.tolist()))
    chosen = first.channels_
    expected = twin(train.tensor()[..., chosen], test.tensor()[..., chosen], 0.01)
    np.testing.assert_allclose(first.score(test.tensor())[1], expected, rtol=1e-4)
    changed = test.tensor().clone()
    changed[..., [channel for channel in range(12) if channel not in chosen.tolist()]] = 1e6
    assert torch.equal(first.score(changed)[1], first.score(test.tensor())[1])


def test_all_channels_are_taken_where_there_are_no_more(synthetic: Synthetic) -> None:
    model = PaDiM(channels=550)
    model.learn(synthetic(6).features)
    assert model.channels_.tolist() == list(range(12))


def test_blocks_of_positions_change_nothing(synthetic: Synthetic, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = synthetic(20).features, synthetic(5, seed=1).features
    whole, parts = PaDiM(), PaDiM()
    whole.learn(train)
    expected = whole.score(test.tensor())[1]
    for name in ("READ_BYTES", "_LEARNT_BYTES", "_SCORED_BYTES"):
        monkeypatch.setattr(padim, name, 3 * 4 * 20 * 12)
    parts.learn(train)
    torch.testing.assert_close(parts.whitening_, whole.whitening_)
    torch.testing.assert_close(parts.score(test.tensor())[1], expected)


def test_two_images_are_enough_to_fit(synthetic: Synthetic) -> None:
    """Each fold then learns from one image, which has a mean and no variance: the distance is |x - mean| / 0.1."""
    embeddings = synthetic(2)
    model = PaDiM().fit(embeddings)
    first, second = embeddings.features.tensor()
    expected = 10 * torch.linalg.vector_norm(first - second, dim=2)
    torch.testing.assert_close(model.training_.patch_maps, torch.stack([expected] * 2), rtol=1e-4, atol=0)


def correlated(images: int, seed: int) -> torch.Tensor:
    """Two channels that go together up to a tenth, `[N, 2, 2, 2]`."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(images, 2, 2, 1))
    return torch.from_numpy(common + 0.1 * rng.normal(size=(images, 2, 2, 2))).float()


def test_what_breaks_the_correlation_of_channels_stands_out() -> None:
    model = PaDiM()
    model.learn(PatchFeatures(correlated(200, 0)))
    along, across = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    along[0, 0, 0], across[0, 0, 0] = torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0])
    assert model.score(along)[0] < 2
    assert model.score(across)[0] > 6


def test_it_knows_where_what_is_normal(synthetic: Synthetic) -> None:
    """A patch that is normal at its own place is a defect at another: good for aligned parts, and only for them."""
    train, test = synthetic(60), synthetic(20, seed=1)
    model = PaDiM().fit(train)
    assert model.predict(test).verdicts.count("defect") <= 4
    moved = test.features.tensor().roll(1, dims=2)
    assert (model.score(moved)[0] > model.threshold_).all()


def test_a_planted_defect_is_found_where_it_is(synthetic: Synthetic) -> None:
    train, test = synthetic(60), synthetic(10, seed=1)
    test.features.tensor()[4:, 1, 3] += 5.0
    model = PaDiM().fit(train)
    assert model.predict(test).verdicts[4:] == ("defect",) * 6
    places = model.score(test.features.tensor())[1][4:].flatten(1).argmax(dim=1)
    assert places.tolist() == [1 * 5 + 3] * 6


def test_a_reloaded_model_scores_bit_identically(synthetic: Synthetic, tmp_path: Path) -> None:
    test = synthetic(5, seed=1).features.tensor()
    model = PaDiM(channels=7).fit(synthetic(12))
    model.save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve", device="cpu")
    assert isinstance(again, PaDiM)
    assert again.get_params() == model.get_params()
    for ours, theirs in zip(model.score(test), again.score(test), strict=True):
        assert torch.equal(ours, theirs)


def test_the_file_holds_half_of_each_matrix(synthetic: Synthetic) -> None:
    model = PaDiM(channels=6)
    model.learn(synthetic(12).features)
    assert model._state()["gaussian.whitening"].shape == (20, 6 * 7 / 2)


@pytest.mark.parametrize(
    ("settings", "said"), [({"channels": 0}, "channels is 0"), ({"gaussian_eps": 0.0}, "gaussian_eps is 0")]
)
def test_what_cannot_work_is_said_before_the_work(
    settings: dict[str, float], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        PaDiM(**settings).fit(tmp_path / "not even looked for")  # type: ignore[arg-type]


def test_a_regularisation_below_rounding_is_said_to_be_too_small(synthetic: Synthetic) -> None:
    features = synthetic(5).features.tensor() * 1e9
    with pytest.raises(ConfigError, match="too small beside the variance"):
        PaDiM(gaussian_eps=1e-9).learn(PatchFeatures(features))
