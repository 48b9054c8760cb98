"""The gate: torch, ONNX Runtime and OpenVINO say the same of the same files."""

import numpy as np
import pytest

from patchsieve.detectors import AdaptiveSieve, Denoised, PaDiM, PatchCore, QualitySoftPatch, SoftPatch
from patchsieve.runtime import load_exported
from patchsieve.runtime.export import export_model, screening

SMALL = {"image_size": 64, "crop": None, "folds": 2}
MODELS = {
    "softpatch": lambda: SoftPatch(**SMALL | {"crop": (48, 56)}),
    "softpatch of unweighted, mixed channels": lambda: SoftPatch(
        **SMALL, soft_weights=False, dims=60, sigma=0.0
    ),
    "patchcore reweighted": lambda: PatchCore(**SMALL, reweight_neighbours=5),
    "quality_softpatch": lambda: QualitySoftPatch(**SMALL),
    "padim": lambda: PaDiM(**SMALL, channels=40),
    "denoised": lambda: Denoised(**SMALL, second="softpatch"),
}


def agree(model, exported, images):
    ours, theirs = model.predict(images), exported.predict(images)
    assert theirs.images.names == ours.images.names
    np.testing.assert_allclose(theirs.scores, ours.scores, rtol=1e-3)
    highest = np.abs(ours.maps).max(axis=(1, 2), keepdims=True)
    assert np.abs((theirs.maps - ours.maps) / highest).max() <= 1e-2
    assert theirs.verdicts == ours.verdicts
    assert theirs.maps.shape == ours.maps.shape
    np.testing.assert_array_equal(theirs.sizes, ours.sizes)
    np.testing.assert_allclose(theirs.boxes, ours.boxes)
    assert [len(each) for each in theirs.regions()] == [len(each) for each in ours.regions()]
    return ours


# The others are the same graph with other numbers or another end.
QUICK = ("softpatch", "padim")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_every_engine_says_what_torch_says(name, unsorted, every_kind, tmp_path):
    model = MODELS[name]().fit(str(unsorted))
    export_model(model, tmp_path / "line7")
    for engine in ("onnxruntime", "openvino"):
        result = agree(model, load_exported(tmp_path / "line7", engine=engine), every_kind)
        assert len(result) == 10


def test_engines_say_what_torch_says_where_the_bank_is_screened(unsorted, every_kind, tmp_path, monkeypatch):
    monkeypatch.setattr(screening, "_FEWEST_NUMBERS", 0)
    monkeypatch.setattr(screening, "_MEASURED", 0)
    model = AdaptiveSieve(**SMALL, grid=16, contamination=0.15, coreset_ratio=0.2).fit(str(unsorted))
    assert model.averaged(16 * 16) == 3
    assert model.bank_.radii is not None
    assert screening.Screen.of(model.bank_.features.numpy()) is not None
    export_model(model, tmp_path / "line7")
    for engine in ("onnxruntime", "openvino"):
        agree(model, load_exported(tmp_path / "line7", engine=engine), every_kind)


def test_the_format_of_openvino(fitted, every_kind, tmp_path):
    done = export_model(fitted, tmp_path / "line7", to="openvino")
    assert sorted(file.name for file in done.folder.iterdir()) == ["metadata.json", "model.bin", "model.xml"]
    agree(fitted, load_exported(done.folder), every_kind)
