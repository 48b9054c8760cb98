"""What an export writes, and when it refuses to."""

import json
import shutil

import numpy as np
import onnx
import openvino
import pytest

from patchsieve.detectors import SPADE, Detector, PaDiM, PatchCore, SoftPatch, load
from patchsieve.errors import ConfigError, PatchSieveError
from patchsieve.runtime import load_exported
from patchsieve.runtime.export import export_model, parity

SMALL = {"image_size": 64, "crop": None, "folds": 2}


def test_the_graph_is_one_that_any_reader_takes(exported):
    onnx.checker.check_model(str(exported / "model.onnx"), full_check=True)
    model = onnx.load(exported / "model.onnx", load_external_data=False)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert [one.name for one in model.graph.input] == ["images"]
    assert [one.name for one in model.graph.output] == ["scores", "maps"]
    bank = max(model.graph.initializer, key=lambda number: number.dims[0] if len(number.dims) == 2 else 0)
    assert bank.data_location == onnx.TensorProto.EXTERNAL
    assert (exported / "model.onnx").stat().st_size < 500_000


def test_what_stands_in_the_metadata(exported, fitted):
    kept = json.loads((exported / "metadata.json").read_text())
    assert kept["threshold"] == fitted.threshold_
    assert [point["name"] for point in kept["operating_points"]["points"]] == ["default", "strict"]
    assert kept["pixel_threshold"] == fitted.pixel_threshold_
    assert kept["opset"] == 18
    assert kept["about"]["weights_sha256"] == fitted.extractor_.backbone.weights_hash
    assert kept["about"]["parity"]["score"] < 1e-5
    assert kept["about"]["parity"]["noise"] is False


def test_lower_precision_says_what_it_costs(fitted, exported, unsorted, tmp_path, monkeypatch):
    half = export_model(fitted, tmp_path / "half", precision="fp16")
    assert 0 < half.parity.typical_score < 0.01
    assert half.size < 0.75 * sum(file.stat().st_size for file in exported.iterdir())
    with pytest.raises(ConfigError, match=r"this precision does harm: on 12 training images, moved a little"):
        export_model(fitted, tmp_path / "eight", precision="int8")
    assert not (tmp_path / "eight").exists()
    monkeypatch.setattr(parity, "_MOST_MOVED", 1.0)
    eight = export_model(fitted, tmp_path / "eight", precision="int8", calibrate=unsorted)
    assert half.parity.score < eight.parity.score
    assert "differ by up to" in eight.notes[0]
    assert load_exported(eight.folder).metadata.precision == "int8"


def test_bfloat16_is_for_the_backbone_and_for_openvino(fitted, parts, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="export --to openvino"):
        export_model(fitted, tmp_path / "line7", precision="bf16")
    assert list(tmp_path.iterdir()) == []
    # Parts of 64 pixels are moved far by little, on torch, too.
    monkeypatch.setattr(parity, "_MOST_MOVED", 1.0)
    done = export_model(fitted, tmp_path / "line7", to="openvino", precision="bf16")
    exported = load_exported(done.folder)
    assert exported.metadata.precision == "bf16"
    nodes = openvino.Core().read_model(done.folder / "model.xml").get_ops()
    assert {
        (node.get_type_name(), node.output(0).get_element_type().get_type_name())
        for node in nodes
        if node.get_type_name() in ("Convolution", "GroupConvolution", "MatMul")
    } == {("Convolution", "bf16"), ("GroupConvolution", "bf16"), ("MatMul", "f32")}
    unseen = str(parts(tmp_path / "unseen", 12, 2, first=50))
    on_torch = SoftPatch(**SMALL, precision="bfloat16").fit(fitted.training_.images)
    exact = fitted.predict(unseen).scores
    moved, by_torch = (
        np.median(np.abs(model.predict(unseen).scores / exact - 1)) for model in (exported, on_torch)
    )
    assert 0 < moved < 2 * by_torch


def test_harm_is_refused_and_nothing_is_written(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "_SAME_SCORE", -1.0)
    with pytest.raises(
        ConfigError, match=r"does not score as the model does: on 12 training images, moved a little, onnx"
    ):
        export_model(fitted, tmp_path / "line7")
    assert list(tmp_path.iterdir()) == []


def test_without_the_training_images_noise_is_compared(model_file, tmp_path):
    model = load(model_file)
    moved = tmp_path / "moved.sieve"
    model.training_ = _without_files(model.training_)
    model.save(moved)
    done = export_model(load(moved), tmp_path / "line7")
    assert done.parity.noise
    assert done.parity.same
    assert "noise" in done.parity.in_words
    with pytest.raises(ConfigError, match="--calibrate"):
        export_model(load(moved), tmp_path / "eight", precision="int8")


def _without_files(training):
    from dataclasses import replace

    records = [replace(record, path=None) for record in training.images]
    return replace(training, images=training.images.with_records(records))


def test_an_earlier_export_is_replaced_and_nothing_else(exported, fitted, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "line7")
    (folder / "metadata.json").write_text("{}")
    export_model(fitted, folder)
    load_exported(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["line7"]
    other = tmp_path / "photos"
    other.mkdir()
    (other / "a.png").write_bytes(b"")
    with pytest.raises(PatchSieveError, match="it holds other files"):
        export_model(fitted, other)
    with pytest.raises(PatchSieveError, match="it is a file"):
        export_model(fitted, other / "a.png")


def test_what_has_no_graph_is_refused_in_words(unsorted, tmp_path):
    model: Detector = SPADE(**SMALL).fit(str(unsorted))
    with pytest.raises(ConfigError, match=r"spade cannot be exported; these can: softpatch, patchcore"):
        export_model(model, tmp_path / "line7")
    assert list(tmp_path.iterdir()) == []


def test_formats_and_precisions_that_are_none(fitted, tmp_path):
    with pytest.raises(ConfigError, match="choose one of onnx, openvino"):
        export_model(fitted, tmp_path / "line7", to="tensorrt")
    with pytest.raises(ConfigError, match="choose one of fp32, fp16, bf16, int8"):
        export_model(fitted, tmp_path / "line7", precision="fp8")


def test_a_model_that_knows_its_training_images_by_heart_is_exported(unsorted, tmp_path):
    # All patches are in the bank: the training images themselves score 0.
    whole = PatchCore(**SMALL, coreset_ratio=1.0).fit(str(unsorted))
    assert whole.predict(str(unsorted)).scores.min() == 0
    assert export_model(whole, tmp_path / "whole").parity.same


def test_a_model_in_bfloat16_stays_one_on_openvino(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "_MOST_MOVED", 1.0)
    model = PatchCore(**SMALL, precision="bfloat16").fit(str(parts(tmp_path / "few", 12, 0)))
    done = export_model(model, tmp_path / "line7", to="openvino", precision="bf16")
    assert not any("computes its backbone" in note for note in done.notes)
    half = export_model(model, tmp_path / "half", precision="fp16")
    assert half.notes[0] == "the model computes its backbone in bfloat16, the graph in float16"


@pytest.mark.parametrize("kind", [SoftPatch, PaDiM])
def test_what_differs_from_a_model_in_bfloat16_is_said(kind, parts, tmp_path):
    few = parts(tmp_path / "few", 12, 0)
    model = kind(**SMALL, precision="bfloat16").fit(str(few))
    done = export_model(model, tmp_path / "line7")
    assert done.notes[0] == "the model computes its backbone in bfloat16, the graph in float32"
    # What is measured on moved training images is what happens to images that the model does not know.
    unseen = parts(tmp_path / "unseen", 12, 0, first=50)
    ours, theirs = model.predict(str(unseen)), load_exported(done.folder).predict(str(unseen))
    typical = np.median(np.abs(theirs.scores / ours.scores - 1))
    assert typical / 2 < done.parity.typical_score < 2 * typical


def test_another_search_is_said(unsorted, tmp_path):
    indexed = PatchCore(**SMALL, index="faiss-hnsw").fit(str(unsorted))
    done = export_model(indexed, tmp_path / "indexed")
    assert done.notes[0] == "the model searches with faiss-hnsw, the graph exactly"
