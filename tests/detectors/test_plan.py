"""The plan against what the fit then takes."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from patchsieve.detectors import Detector, PatchCore, SoftPatch
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.plan import plan_fit
from patchsieve.features import FeatureExtractor

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


def test_it_grows_with_the_images_and_says_when_they_do_not_fit(extractor: FeatureExtractor) -> None:
    small, large = plan_fit(SoftPatch(), extractor, 100), plan_fit(SoftPatch(), extractor, 10**9)
    assert small.peak < large.peak
    assert 0 < small.available <= psutil.virtual_memory().total
    assert small.fits == (small.peak <= small.available)
    assert not large.fits


def test_the_time_is_that_of_a_forward_pass_for_each_image(extractor: FeatureExtractor) -> None:
    few, many = (plan_fit(PatchCore(), extractor, images).embedding_seconds for images in (4, 400))
    assert 0 < few < 5
    # The measurement is noisy; its size is not.
    assert 10 < many / few < 1000
