"""SPADE against its two equations in NumPy, and what its gallery takes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from patchsieve.detectors import SPADE, load, spade
from patchsieve.detectors.budget import Budget
from patchsieve.errors import ConfigError
from patchsieve.features import Embeddings, FeatureExtractor, PatchFeatures, embed_cached
from patchsieve.images import read_images

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
Array = npt.NDArray[np.float64]


def twin(train: torch.Tensor, test: torch.Tensor, deep: int, k: int, kappa: int) -> tuple[Array, Array]:
    """Image scores `[B]` and patch scores `[B, H, W]`, image by image."""
    known, new = train.double().numpy(), test.double().numpy()
    f = known[..., -deep:].mean(axis=(1, 2))
    images, patches = [], []
    for image in new:
        apart = np.linalg.norm(image[..., -deep:].mean(axis=(0, 1)) - f, axis=1)
        nearest = np.argsort(apart)[:k]
        images.append(apart[nearest].mean())
        gallery = known[nearest].reshape(-1, known.shape[3])
        between = np.linalg.norm(image[:, :, None] - gallery, axis=3)
        patches.append(np.sort(between, axis=2)[:, :, :kappa].mean(axis=2))
    return np.array(images), np.array(patches)


@pytest.mark.parametrize("kappa", [1, 3])
@pytest.mark.parametrize("k", [1, 6, 50])
def test_the_scores_are_those_of_the_equations(k: int, kappa: int, synthetic: Synthetic) -> None:
    train, test = (synthetic(images, seed=seed).features.tensor() for images, seed in ((20, 0), (7, 1)))
    model = SPADE(neighbour_images=k, neighbour_patches=kappa)
    model.learn(PatchFeatures(train, layer_channels=(4, 3, 5)))
    image_scores, patch_scores = model.score(test)
    expected = twin(train, test, 5, k, kappa)
    np.testing.assert_allclose(image_scores, expected[0], rtol=1e-5)
    np.testing.assert_allclose(patch_scores, expected[1], rtol=1e-5)


def test_without_layers_of_their_own_all_channels_find_the_images(synthetic: Synthetic) -> None:
    train, test = (synthetic(12, seed=seed).features for seed in (0, 1))
    model = SPADE(neighbour_images=4)
    model.learn(train)
    expected = twin(train.tensor(), test.tensor(), 12, 4, 1)
    np.testing.assert_allclose(model.score(test.tensor())[0], expected[0], rtol=1e-5)


def test_searches_in_parts_find_the_same(synthetic: Synthetic, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = (synthetic(17, seed=seed).features for seed in (0, 1))
    model = SPADE(neighbour_images=9, neighbour_patches=30)
    model.learn(train)
    whole = model.score(test.tensor())
    # Two images at a time: fewer patches than are looked for.
    monkeypatch.setattr(spade, "_SEARCHED_BYTES", 2 * 4 * 4 * 5 * 12)
    torch.testing.assert_close(model.score(test.tensor())[1], whole[1])


def test_a_patch_may_lie_anywhere_in_images_that_are_alike(synthetic: Synthetic) -> None:
    """Parts that move are no matter: what is normal somewhere is normal everywhere."""
    train, test = synthetic(30), synthetic(10, seed=1).features.tensor()
    model = SPADE()
    model.learn(train.features)
    torch.testing.assert_close(
        model.score(test.roll((1, 2), dims=(1, 2)))[1], model.score(test)[1].roll((1, 2), dims=(1, 2))
    )


def test_patches_are_looked_for_in_the_nearest_images_alone(synthetic: Synthetic) -> None:
    """Two kinds of parts: what is normal in one is a defect in the other, for SPADE as for people."""
    train, test = synthetic(20).features.tensor(), synthetic(4, seed=1).features.tensor()
    both = torch.cat([train, train + 8.0])
    test[0, 1, 1] += 8.0
    few, all_images = SPADE(neighbour_images=20), SPADE(neighbour_images=40)
    for model in (few, all_images):
        model.learn(PatchFeatures(both))
    scores, lenient = (model.score(test)[1] for model in (few, all_images))
    assert scores[0].argmax() == 1 * 5 + 1
    assert scores[0].max() > 3 * lenient[0, 1, 1]


def test_a_planted_defect_is_found_by_both_scores(synthetic: Synthetic) -> None:
    train, test = synthetic(60), synthetic(10, seed=1)
    test.features.tensor()[4:, 1, 3] += 12.0
    model = SPADE().fit(train)
    assert model.predict(test).verdicts[4:] == ("defect",) * 6
    places = model.score(test.features.tensor())[1][4:].flatten(1).argmax(dim=1)
    assert places.tolist() == [1 * 5 + 3] * 6


def test_a_gallery_of_some_images_is_a_seeded_choice(synthetic: Synthetic) -> None:
    train = synthetic(30).features
    first, again, other = (SPADE(gallery_size=7, seed=seed) for seed in (1, 1, 2))
    for model in (first, again, other):
        model.learn(train)
        assert model.gallery_.shape == (7, 4, 5, 12)
    assert torch.equal(first.gallery_.tensor(), again.gallery_.tensor())
    assert not torch.equal(first.gallery_.tensor(), other.gallery_.tensor())
    assert first.for_fewer(20, 30).gallery_size == 5


def test_the_gallery_keeps_the_memory_budget() -> None:
    shape, small, large = (28, 28, 232), Budget(2 * 2**30), Budget(64 * 2**30)
    images = 2000
    for budget in (small, large):
        kept = SPADE().kept(images, shape, budget)
        what, size = SPADE().model_memory(images, shape, budget)
        assert what == f"gallery of {kept} images"
        assert size <= budget.left(images * 28 * 28, 0)
    assert SPADE().kept(images, shape, large) == images
    assert 100 < SPADE().kept(images, shape, small) < images
    assert SPADE(gallery_size=50).kept(images, shape, small) == 50
    assert SPADE().kept(10**9, shape, small) >= 1


def test_features_in_a_file_give_the_same_model(
    extractor: FeatureExtractor, photographs: Photographs, tmp_path: Path
) -> None:
    train, test = photographs("train", 9), photographs("test", 4, marked={1: (30, 30)}, seed=1)
    in_memory, in_file = SPADE(neighbour_images=3), SPADE(neighbour_images=3)
    in_memory.fit(extractor.embed(read_images(train)))
    in_file.fit(embed_cached(extractor, read_images(train), tmp_path / "cache"))
    assert in_file.gallery_.resident_bytes == 0
    ours, theirs = in_memory.predict(test), in_file.predict(test)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.maps, theirs.maps)
    in_file.save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve", device="cpu")
    assert isinstance(again, SPADE)
    np.testing.assert_array_equal(again.predict(test).scores, ours.scores)
    np.testing.assert_array_equal(again.predict(test).maps, ours.maps)


@pytest.mark.parametrize("name", ["neighbour_images", "neighbour_patches", "gallery_size"])
def test_what_cannot_work_is_said_before_the_work(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        SPADE(**{name: 0}).fit(tmp_path / "not even looked for")  # type: ignore[arg-type]
