"""The plan against what the fit then takes."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from patchsieve.detectors import Denoised, Detector, Ensemble, PaDiM, PatchCore, SoftPatch
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.plan import plan_fit
from patchsieve.features import FeatureExtractor, make_extractor

Photographs = Callable[..., Path]


@pytest.mark.parametrize(
    "model",
    [SoftPatch(lof_k=3, coreset_ratio=0.3), PatchCore(), PatchCore(coreset="random", coreset_ratio=1.0)],
    ids=["softpatch", "patchcore", "all patches"],
)
def test_the_plan_knows_the_bank_and_the_embedding(
    model: Detector, extractor: FeatureExtractor, photographs: Photographs
) -> None:
    embeddings = extractor.embed(model.embed(photographs("line", 9)).images)
    plan = plan_fit(model, extractor, 9)
    model.fit(embeddings)
    assert isinstance(model, BankDetector)
    assert plan.images == 9
    assert plan.shape == tuple(embeddings.features.shape[1:])
    # Rounding twice may cost one patch.
    assert abs(plan.bank - len(model.bank_)) <= 1
    stages = dict(plan.stages)
    assert stages["embeddings"] == embeddings.features.nbytes
    assert stages["memory bank"] >= model.bank_.features.nbytes
    assert plan.peak == sum(stages.values())


def test_the_plan_of_what_is_made_of_others_is_that_of_its_parts(extractor: FeatureExtractor) -> None:
    patchcore, padim = (plan_fit(model, extractor, 100) for model in (PatchCore(), PaDiM()))
    denoised = plan_fit(Denoised(drop=0.0), extractor, 100)
    assert denoised.bank == patchcore.bank
    assert dict(denoised.stages) == dict(padim.stages) | dict(patchcore.stages)
    twice = plan_fit(Ensemble(members=[{"detector": "patchcore"}] * 2), extractor, 100)
    assert twice.bank == 2 * patchcore.bank
    assert dict(twice.stages)["memory bank"] == 2 * dict(patchcore.stages)["memory bank"]
    assert (
        dict(twice.stages)["choosing the memory bank"] == dict(patchcore.stages)["choosing the memory bank"]
    )


def test_features_of_several_kinds_are_all_in_the_plan() -> None:
    kinds = [{"detector": "patchcore", "layers": ["stage2"]}, {"detector": "padim", "layers": ["stage3"]}]
    model = Ensemble(members=kinds, image_size=64, crop=None, device="cpu")
    several = model.make_extractor()
    parts = [plan_fit(PatchCore(), part, 100) for part in several.parts]
    plan = plan_fit(model, several, 100)
    assert plan.embedding_bytes == sum(part.embedding_bytes for part in parts)
    assert plan.bank == parts[0].bank
    assert dict(plan.stages)["Gaussians of the positions"] > 0


def test_it_grows_with_the_images_and_says_when_they_do_not_fit(extractor: FeatureExtractor) -> None:
    small, large = plan_fit(SoftPatch(), extractor, 100), plan_fit(SoftPatch(), extractor, 10**9)
    assert small.peak < large.peak
    assert 0 < small.available <= psutil.virtual_memory().total
    assert small.fits == (small.peak <= min(small.budget, small.available))
    assert not large.fits


def test_large_images_on_their_way_are_in_it() -> None:
    working = []
    for side in (256, 1536):
        extractor = make_extractor(backbone="efficientnet_lite0", image_size=side, crop=None, device="cpu")
        working.append(dict(plan_fit(PatchCore(), extractor, 2).stages)["libraries and working memory"])
    # The pixels of one image of the larger frame, twice as floats, and the widest layer of the network.
    assert working[1] - working[0] > 1536 * 1536 * 2 * 3 * 4 + 768 * 768 * 96 * 4


def test_the_time_is_that_of_a_forward_pass_for_each_image(extractor: FeatureExtractor) -> None:
    few, many = (plan_fit(PatchCore(), extractor, images).embedding_seconds for images in (4, 400))
    assert 0 < few < 5
    # The measurement is noisy; its size is not.
    assert 10 < many / few < 1000


def test_what_the_budget_decides_is_in_the_plan(extractor: FeatureExtractor) -> None:
    """The embedding of an image takes 64 x 232 x 4 bytes here: 58 kB."""
    small, large = (
        plan_fit(SoftPatch(memory_budget=gib * 2**30, bank_size=5000), extractor, 20_000) for gib in (2, 64)
    )
    assert small.embedding_bytes == large.embedding_bytes == 20_000 * 64 * 232 * 4
    assert (small.in_memory, large.in_memory) == (False, True)
    assert "embeddings" not in {what for what, size in small.stages if size}
    assert dict(large.stages)["embeddings"] == large.embedding_bytes
    assert small.bank == large.bank == 5000
    assert (small.shards > 1, large.shards) == (True, 1)
    assert small.peak <= small.budget == 2 * 2**30
    assert large.peak <= large.budget


@pytest.mark.parametrize("images", [100, 2000, 20_000, 100_000])
@pytest.mark.parametrize("gib", [2, 4, 16])
@pytest.mark.parametrize("kind", [SoftPatch, PatchCore])
def test_with_a_cap_on_the_bank_the_plan_keeps_the_budget(
    kind: type[BankDetector], gib: int, images: int, extractor: FeatureExtractor
) -> None:
    plan = plan_fit(kind(memory_budget=gib * 2**30, bank_size=2000), extractor, images)
    assert plan.peak <= plan.budget


def test_without_one_the_bank_grows_until_the_plan_says_it_does_not_fit(extractor: FeatureExtractor) -> None:
    plan = plan_fit(SoftPatch(memory_budget=2 * 2**30, bank_size=None), extractor, 100_000)
    assert plan.bank == int(0.1 * (6_400_000 - int(0.15 * 6_400_000)))
    assert plan.peak > plan.budget
    assert not plan.fits


def test_the_shards_of_the_plan_are_those_of_the_fit(extractor: FeatureExtractor) -> None:
    plan = plan_fit(PatchCore(memory_budget=2 * 2**30, bank_size=50), extractor, 30_000)
    model = PatchCore(memory_budget=2 * 2**30, bank_size=50)
    left = model.budget(extractor.device).left(30_000 * 64, 0)
    assert plan.shards == model.coreset_choice(left).shards(30_000 * 64, 232, extractor.device) > 1
