"""A fit from a cache, or from features that stay in a file, is the fit from memory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from patchsieve.detectors import DETECTORS, Detector, PatchCore, SoftPatch, budget
from patchsieve.detectors.trained import TrainedDetector
from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.features import Embeddings, FeatureExtractor, PatchFeatures, embed_cached
from patchsieve.features.feature_file import FeatureFile
from patchsieve.images import distinct, read_images

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
SMALL: dict[str, Any] = {"image_size": 64, "crop": None, "device": "cpu", "batch_size": 4}
# Networks take seconds to train: test_fit_trained.py has them with a cache.
UNTRAINED = {name: kind for name, kind in DETECTORS.items() if not issubclass(kind, TrainedDetector)}
untrained = pytest.mark.parametrize("kind", UNTRAINED.values(), ids=UNTRAINED)


def assert_same(first: Detector, second: Detector) -> None:
    """Bit for bit, whatever was learnt."""
    learnt, same = first._state(), second._state()
    assert learnt.keys() == same.keys()
    assert all(torch.equal(learnt[name], same[name]) for name in learnt)
    np.testing.assert_array_equal(first.training_.scores, second.training_.scores)
    assert torch.equal(first.training_.patch_maps, second.training_.patch_maps)
    assert first.training_.hashes == second.training_.hashes
    assert first.training_.images == second.training_.images
    assert first.threshold_ == second.threshold_


def in_a_file(embeddings: Embeddings, file: Path, dtype: torch.dtype = torch.float32) -> Embeddings:
    data = embeddings.features.tensor()
    file.write_bytes(data.to(dtype).numpy().tobytes())
    store = FeatureFile(file, dtype, tuple(data.shape))  # type: ignore[arg-type]
    return replace(embeddings, features=PatchFeatures(store))


@untrained
def test_a_cached_fit_is_the_fit_without_a_cache(
    kind: type[Detector], photographs: Photographs, tmp_path: Path
) -> None:
    folder = photographs("line", 12, marked={3: (20, 20)})
    (folder / "05.png").write_bytes(b"cut")
    (folder / "07.png").write_bytes((folder / "06.png").read_bytes())
    plain = kind(**SMALL).fit(folder)
    for _ in range(2):
        cached = kind(**SMALL).fit(folder, cache=tmp_path / "cache")
        assert_same(cached, plain)
        assert cached.training_.skipped == plain.training_.skipped
    assert (cached.training_.seconds == 0).all()


def test_another_detector_and_another_tau_do_not_touch_the_backbone(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = photographs("line", 12), tmp_path / "cache"
    others = [
        lambda: SoftPatch(**SMALL, tau=0.3),
        lambda: SoftPatch(**SMALL, discriminator="nearest", coreset_ratio=0.2, seed=3),
        lambda: PatchCore(**SMALL, bank_size=50),
    ]
    plain = [make().fit(folder) for make in others]
    SoftPatch(**SMALL).fit(folder, cache=cache)

    original = FeatureExtractor.start

    def empty_only(
        extractor: FeatureExtractor, batch: torch.Tensor, *, aside: bool
    ) -> Callable[[], torch.Tensor]:
        assert not batch.any(), "an image went through the backbone"
        return original(extractor, batch, aside=aside)

    monkeypatch.setattr(FeatureExtractor, "start", empty_only)
    for make, expected in zip(others, plain, strict=True):
        assert_same(make().fit(folder, cache=cache), expected)
    with pytest.raises(AssertionError, match="an image went through"):
        SoftPatch(**SMALL).fit(folder)


def test_a_cache_in_half_the_space_gives_nearly_the_same_scores(
    photographs: Photographs, tmp_path: Path
) -> None:
    folder = photographs("line", 14, marked={3: (20, 20)})
    plain = PatchCore(**SMALL, coreset_ratio=1.0).fit(folder)
    half = PatchCore(**SMALL, coreset_ratio=1.0).fit(folder, cache=tmp_path / "cache", cache_dtype="float16")
    np.testing.assert_allclose(half.training_.scores, plain.training_.scores, rtol=2e-3)
    assert half.threshold_ == pytest.approx(plain.threshold_, rel=2e-3)
    assert not torch.equal(half.bank_.features, plain.bank_.features)
    with pytest.raises(ConfigError, match="cache_dtype is 'float8'"):
        PatchCore(**SMALL).fit(folder, cache=tmp_path / "cache", cache_dtype="float8")


def test_strictness_is_kept(photographs: Photographs, tmp_path: Path) -> None:
    folder = photographs("line", 6)
    (folder / "05.png").write_bytes(b"cut")
    with pytest.raises(BrokenImageError, match=r"05\.png"):
        PatchCore(**SMALL).fit(folder, cache=tmp_path / "cache", strict=True)


@pytest.mark.parametrize(
    "model",
    [
        SoftPatch(),
        SoftPatch(discriminator="nearest", folds=9, reference_images=5),
        SoftPatch(discriminator="gaussian", projection_dims=4),
        PatchCore(coreset="random", reweight_neighbours=3),
    ],
    ids=["lof", "nearest", "gaussian", "patchcore"],
)
def test_features_in_a_file_give_the_model_of_features_in_memory(
    model: Detector, synthetic: Synthetic, tmp_path: Path
) -> None:
    embeddings = synthetic(20)
    filed = in_a_file(embeddings, tmp_path / "features")
    kept, read = (type(model)(**model.get_params()).fit(source) for source in (embeddings, filed))
    assert_same(kept, read)
    np.testing.assert_array_equal(read.predict(filed).scores, kept.predict(embeddings).scores)


def test_features_in_a_file_of_float16_are_near(synthetic: Synthetic, tmp_path: Path) -> None:
    filed = in_a_file(synthetic(20), tmp_path / "features", torch.float16)
    read, kept = (PatchCore(coreset_ratio=1.0).fit(source) for source in (filed, synthetic(20)))
    np.testing.assert_allclose(read.training_.scores, kept.training_.scores, rtol=5e-3)


def test_identical_images_are_said_to_be_so_from_a_file_too(synthetic: Synthetic, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"all 8 training images .* look identical"):
        SoftPatch().fit(in_a_file(synthetic(8).take([3] * 8), tmp_path / "features"))


@pytest.mark.parametrize("cached", [True, False])
def test_what_exceeds_its_share_of_the_budget_is_worked_on_in_a_file(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    folder = photographs("line", 12)
    plain = SoftPatch(**SMALL)
    assert plain.embed(folder).features.resident_bytes > 0
    assert plain.embed(folder, cache=tmp_path / "cache").features.resident_bytes > 0
    plain.fit(folder)

    monkeypatch.setattr(budget, "_FEATURES_SHARE", 0.0)
    filed = SoftPatch(**SMALL)
    cache = tmp_path / "cache" if cached else None
    assert filed.embed(folder, cache=cache).features.resident_bytes == 0
    assert_same(filed.fit(folder, cache=cache), plain)


def test_a_budget_too_small_for_the_coreset_makes_a_bank_nearly_as_good(
    synthetic: Synthetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (
        synthetic(images, height=64, width=64, channels=128, seed=images).features for images in (30, 2)
    )
    exact, sharded = (PatchCore(bank_size=40, memory_budget=2 * 2**30) for _ in range(2))
    exact.learn(train)
    monkeypatch.setattr(budget, "FIXED_BYTES", 2 * 2**30)
    assert sharded.coreset_choice(sharded.budget(train.device).for_coreset(train)).shards(
        30 * 64 * 64, 128, train.device
    ) in (2, 3)
    sharded.learn(train)
    assert len(sharded.bank_) == len(exact.bank_) == 40
    assert not torch.equal(sharded.bank_.origins, exact.bank_.origins)
    # Greedy alone is within twice the smallest radius possible, shards within four times.
    radius, expected = (float(model.score(train.tensor())[0].max()) for model in (sharded, exact))
    assert radius <= 4 * expected
    torch.testing.assert_close(
        sharded.score(test.tensor())[0], exact.score(test.tensor())[0], rtol=0.2, atol=0
    )


@pytest.mark.slow
def test_an_extraction_by_hand_serves_many_fits(photographs: Photographs, tmp_path: Path) -> None:
    folder = photographs("line", 10)
    model = SoftPatch(**SMALL)
    embeddings = embed_cached(model.make_extractor(), distinct(read_images(folder)), tmp_path / "cache")
    assert embeddings.features.resident_bytes == 0
    # All that see patches as SoftPatch does, whatever they do with them.
    for kind in UNTRAINED.values():
        shared = kind(**SMALL, patch_size=model.patch_size)
        assert_same(clone(shared).fit(embeddings), clone(shared).fit(folder))
