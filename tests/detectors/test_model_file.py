"""A saved and reloaded model scores bit-identically, or says what does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import patchsieve
from patchsieve.bank import read_container, write_container
from patchsieve.detectors import Detector, PatchCore, SoftPatch, load
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.errors import BackboneError, ModelFileError
from patchsieve.features import Embeddings

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]


@pytest.fixture
def model_file(synthetic: Synthetic, tmp_path: Path) -> Path:
    PatchCore().fit(synthetic(6)).save(tmp_path / "line7.sieve")
    return tmp_path / "line7.sieve"


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write the model again with another header, checksum and all."""
    tensors, header = read_container(path)
    change(header)
    write_container(path, tensors, header)
    return path


@pytest.mark.parametrize(
    "model",
    [
        SoftPatch(lof_k=3),
        SoftPatch(discriminator="nearest", soft_weights=False),
        PatchCore(reweight_neighbours=3, coreset="random"),
        PatchCore(index="faiss-hnsw", coreset="kmeans"),
    ],
    ids=["softpatch", "without weights", "patchcore", "other bank and index"],
)
def test_a_reloaded_model_scores_bit_identically(
    model: Detector, photographs: Photographs, tmp_path: Path
) -> None:
    model.set_params(
        image_size=(64, 96), crop=(64, 80), layers=("stage2", "stage3"), dims=40, device="cpu", sigma=1.5
    )
    model.fit(photographs("train", 9))
    model.save(tmp_path / "line7.sieve")
    test = photographs("test", 5, marked={1: (30, 30)}, seed=1)
    expected = model.predict(test)
    for again in (type(model).load(tmp_path / "line7.sieve"), load(tmp_path / "line7.sieve", device="cpu")):
        assert type(again) is type(model)
        assert again.get_params() == model.get_params()
        result = again.predict(test)
        np.testing.assert_array_equal(result.scores, expected.scores)
        np.testing.assert_array_equal(result.maps, expected.maps)
        np.testing.assert_array_equal(result.peaks, expected.peaks)
        assert result.threshold == expected.threshold
        assert result.verdicts == expected.verdicts
        assert again.timings_ == model.timings_


def test_a_reloaded_model_remembers_its_training_images(synthetic: Synthetic, tmp_path: Path) -> None:
    embeddings = synthetic(20)
    embeddings.features.tensor()[4, 2, 2] += 15
    model = SoftPatch().fit(embeddings)
    model.save(str(tmp_path / "m"))
    again = SoftPatch.load(str(tmp_path / "m"))
    ours, theirs = model.suspects(top=6), again.suspects(top=6)
    assert theirs.images.names == ours.images.names
    assert theirs.images.names[0] == "004.png"
    np.testing.assert_array_equal(theirs.scores, ours.scores)
    np.testing.assert_array_equal(theirs.maps, ours.maps)
    np.testing.assert_array_equal(theirs.boxes, ours.boxes)
    assert again.training_.hashes == model.training_.hashes
    assert again.training_.skipped == model.training_.skipped
    assert isinstance(again, BankDetector)
    assert torch.equal(again.bank_.origins, model.bank_.origins)
    assert again.bank_.weights is not None
    assert torch.equal(again.bank_.weights, model.bank_.weights)  # type: ignore[arg-type]


def test_saving_what_was_loaded_changes_nothing(model_file: Path, tmp_path: Path) -> None:
    load(model_file).save(tmp_path / "copy.sieve")
    (tensors, header), (again, header_again) = (
        read_container(model_file),
        read_container(tmp_path / "copy.sieve"),
    )
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    header.pop("created")
    header_again.pop("created")
    assert header == header_again


def test_the_header_says_in_json_what_the_model_is(model_file: Path) -> None:
    header = read_container(model_file)[1]
    assert header["detector"] == "patchcore"
    assert header["config"]["backbone"] == "efficientnet_lite0"
    assert len(header["extractor"]["weights_sha256"]) == 64
    assert {"patchsieve", "torch", "numpy"} <= header["versions"].keys()
    assert len(header["training"]["images"]) == 6


def test_the_top_of_the_package_loads_any_system(model_file: Path) -> None:
    assert isinstance(patchsieve.load(model_file), patchsieve.PatchCore)


def test_a_model_of_another_system_is_named(model_file: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"line7\.sieve holds a 'patchcore' model, not 'softpatch'; use patchsieve\.load"
    ):
        SoftPatch.load(model_file)


def test_a_system_that_nobody_knows_is_named(model_file: Path) -> None:
    changed(model_file, lambda header: header.update(detector="oracle"))
    with pytest.raises(ModelFileError, match="'oracle' model, which this PatchSieve does not know"):
        load(model_file)


def test_other_weights_are_said_with_both_hashes(model_file: Path) -> None:
    here = read_container(model_file)[1]["extractor"]["weights_sha256"][:12]
    changed(model_file, lambda header: header["extractor"].update(weights_sha256="0123456789ab" + "0" * 52))
    with pytest.raises(
        ModelFileError, match=f"other weights of efficientnet_lite0 .*0123456789ab against {here}"
    ):
        load(model_file)


def test_a_backbone_that_is_not_here_is_named(model_file: Path) -> None:
    changed(model_file, lambda header: header["extractor"].update(backbone="onnx:/nowhere/a.onnx"))
    with pytest.raises(BackboneError, match=r"/nowhere/a\.onnx"):
        load(model_file)


def test_a_file_cut_short_or_missing_is_said(model_file: Path) -> None:
    model_file.write_bytes(model_file.read_bytes()[:-100])
    for read in (load, PatchCore.load):
        with pytest.raises(ModelFileError, match="not a whole model file"):
            read(model_file)
        with pytest.raises(ModelFileError, match="No such file"):
            read(model_file.parent / "other.sieve")
