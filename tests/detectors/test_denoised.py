"""Image-level denoising: which images go, what the second detector learns from, and what is kept of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from patchsieve.detectors import Denoised, PatchCore, SoftPatch, crossfit, load
from patchsieve.errors import ConfigError
from patchsieve.features import Embeddings
from patchsieve.progress import SILENT

Synthetic = Callable[..., Embeddings]


DEFECTIVE = [3, 11, 25, 38]


def spoil(embeddings: Embeddings, images: list[int]) -> Embeddings:
    """Put a defect on each of some images: on the n-th, the n-th of four that do not look alike."""
    for number, image in enumerate(images):
        looks = torch.from_numpy(np.random.default_rng(number % 4).normal(0, 9, 12)).float()
        embeddings.features.tensor()[image, 1:3, 1:3] += looks
    return embeddings


@pytest.fixture
def contaminated(synthetic: Synthetic) -> Embeddings:
    """40 images, a tenth of them defective."""
    return spoil(synthetic(40), DEFECTIVE)


@pytest.mark.parametrize("first", ["patchcore", "padim", "softpatch"])
def test_the_second_detector_is_the_one_that_learns_from_the_rest(
    first: str, contaminated: Embeddings, synthetic: Synthetic
) -> None:
    settings = {} if first == "padim" else {"coreset_ratio": 0.5}
    model = Denoised(
        first=first, first_settings=settings, second="softpatch", second_settings={"tau": 0.05}, drop=0.1
    )
    model.learn(contaminated.features)
    assert set(model.dropped_) == set(DEFECTIVE)
    alone = SoftPatch(tau=0.05)
    alone.learn(contaminated.features.take(np.setdiff1d(np.arange(40), DEFECTIVE)))
    test = synthetic(5, seed=1).features.tensor()
    for ours, theirs in zip(model.score(test), alone.score(test), strict=True):
        assert torch.equal(ours, theirs)


def test_the_worst_by_scores_of_unseen_images_are_dropped_worst_first(contaminated: Embeddings) -> None:
    scores, _ = crossfit.out_of_sample(PatchCore(coreset_ratio=0.5, seed=3), contaminated.features, SILENT)
    model = Denoised(first="patchcore", first_settings={"coreset_ratio": 0.5}, drop=0.32, seed=3)
    model.learn(contaminated.features)
    # floor(0.32 * 40)
    assert model.dropped_.tolist() == np.argsort(-scores, kind="stable")[:12].tolist()


def test_in_sample_scores_would_have_dropped_the_wrong_images(contaminated: Embeddings) -> None:
    """Why the first detector must not have seen the images it judges: in the bank a defect is near itself."""
    seen = PatchCore(coreset_ratio=0.5)
    seen.learn(contaminated.features)
    worst = np.argsort(-seen.score(contaminated.features.tensor())[0].numpy())[:4]
    assert not set(worst) & set(DEFECTIVE)


def test_defects_that_training_images_show_are_found_again(
    contaminated: Embeddings, synthetic: Synthetic
) -> None:
    """The second detector alone takes them for normal."""
    test = spoil(synthetic(24, seed=1), list(range(20, 24)))
    trusting = PatchCore(coreset_ratio=0.5).fit(contaminated).predict(test)
    denoised = Denoised(first="padim", second_settings={"coreset_ratio": 0.5}, drop=0.1).fit(contaminated)
    result = denoised.predict(test)
    assert result.verdicts[20:] == ("defect",) * 4
    assert result.verdicts[:20].count("defect") <= 2
    assert trusting.verdicts[20:].count("defect") <= 2


@pytest.mark.parametrize(
    ("drop", "images", "dropped"), [(0.0, 10, 0), (0.15, 6, 0), (0.15, 7, 1), (0.5, 9, 4)]
)
def test_the_share_is_of_whole_images(drop: float, images: int, dropped: int, synthetic: Synthetic) -> None:
    model = Denoised(drop=drop)
    model.learn(synthetic(images).features)
    assert len(model.dropped_) == dropped
    assert images - model.kept(images) == dropped


def test_the_models_of_the_folds_are_as_dense_as_the_whole_and_need_fewer_neighbours() -> None:
    model = Denoised(
        first="patchcore",
        second="softpatch",
        first_settings={"bank_size": 90},
        second_settings={"lof_k": 6, "bank_size": 80},
        drop=0.5,
    )
    part = model.for_fewer(10, 20)
    assert part.first_settings["bank_size"] == 45
    assert part.second_settings["bank_size"] == 40
    assert part.second_settings["lof_k"] == 4
    assert model.second_settings == {"lof_k": 6, "bank_size": 80}


def test_a_reloaded_model_is_the_same_and_knows_what_was_dropped(
    contaminated: Embeddings, synthetic: Synthetic, tmp_path: Path
) -> None:
    model = Denoised(second="padim", second_settings={"channels": 5}, drop=0.1, seed=4).fit(contaminated)
    model.save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve", device="cpu")
    assert isinstance(again, Denoised)
    assert again.get_params() == model.get_params()
    assert again.dropped_images == model.dropped_images
    assert set(again.dropped_images) == {"003.png", "011.png", "025.png", "038.png"}
    test = synthetic(6, seed=1)
    np.testing.assert_array_equal(again.predict(test).scores, model.predict(test).scores)
    np.testing.assert_array_equal(again.predict(test).maps, model.predict(test).maps)


def test_what_is_set_for_the_whole_holds_for_both() -> None:
    model = Denoised(seed=7, memory_budget=5 * 2**30, second_settings={"coreset": "random"})
    for part in (model.first_detector(), model.second_detector()):
        assert (part.seed, part.memory_budget, part.patch_size) == (7, 5 * 2**30, 3)
    assert model.second_detector().get_params()["coreset"] == "random"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"drop": 1.0}, "drop is 1.0: the share of images"),
        ({"drop": -0.1}, "drop is -0.1"),
        ({"first": "best"}, "in denoised: there is no detector 'best'"),
        ({"second": "ensemble"}, "an ensemble cannot be part of denoised"),
        (
            {"first_settings": {"tau": 0.1}, "first": "patchcore"},
            "in denoised: patchcore has no setting 'tau'",
        ),
        ({"second_settings": {"coreset_ratio": 0.0}}, "in denoised: coreset_ratio is 0.0"),
        ({"second_settings": {"backbone": "onnx:a"}}, "backbone cannot be set for patchcore alone"),
    ],
)
def test_settings_that_cannot_work_are_said(settings: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        Denoised(**settings).fit(tmp_path / "not even looked for")  # type: ignore[arg-type]
