"""An exported model at work: the same results as from the model, with everything that can go wrong on the way."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from patchsieve.errors import BrokenImageError, ConfigError, ImagesError, ModelFileError
from patchsieve.images import read_images
from patchsieve.runtime import load_exported, open_model


@pytest.fixture(scope="module")
def model(exported):
    return load_exported(exported)


@pytest.fixture
def copied(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "line7")


def test_verdicts_follow_the_operating_point(model, fitted, labelled):
    result = model.predict(labelled)
    assert result.threshold == fitted.threshold_ == model.threshold_
    strict = model.predict(labelled, operating_point="strict")
    assert strict.threshold == pytest.approx(0.9 * fitted.threshold_)
    assert strict.verdicts.count("defect") >= result.verdicts.count("defect") > 0
    with pytest.raises(ConfigError, match=r"no operating point 'lax'; it has default, strict"):
        model.predict(labelled, operating_point="lax")


@pytest.mark.parametrize("review", ["interval", 0.05, "0.1", "0.20"])
def test_the_review_band_is_that_of_the_model(model, fitted, labelled, review):
    ours, theirs = fitted.predict(labelled, review=review), model.predict(labelled, review=review)
    assert theirs.review == pytest.approx(ours.review)
    assert theirs.verdicts == ours.verdicts


def test_a_share_that_was_not_exported_is_refused(model, labelled):
    with pytest.raises(ConfigError, match=r"review is 0.07: an exported model knows interval, 0.01, .*, 0.2"):
        model.predict(labelled, review=0.07)


def test_regions_and_peaks_are_those_of_the_model(model, fitted, labelled):
    ours, theirs = fitted.predict(labelled), model.predict(labelled)
    np.testing.assert_array_equal(theirs.peaks, ours.peaks)
    for here, there in zip(ours.regions(), theirs.regions(), strict=True):
        assert [region.peak for region in here] == [region.peak for region in there]
        assert [region.area for region in here] == pytest.approx([region.area for region in there], rel=1e-3)


def test_batches_of_any_size_score_alike(exported, every_kind):
    model = load_exported(exported, threads=1)
    once = model.predict(every_kind)
    for size in (1, 3, 100):
        model.batch_size = size
        parts = list(model.iter_predict(every_kind))
        assert [len(part) for part in parts][:-1] == [size] * (10 // size if 10 % size else 10 // size - 1)
        np.testing.assert_allclose(np.concatenate([part.scores for part in parts]), once.scores, rtol=1e-5)


def test_arrays_and_progress(model):
    class Counting:
        total = 0

        def stage(self, title, total):
            assert (title, total) == ("scoring", 5)
            return self

        def advance(self, amount=1):
            self.total += amount

        def end(self, stage):
            pass

    progress = Counting()
    images = np.random.default_rng(0).integers(0, 256, (5, 70, 50, 3), dtype=np.uint8)
    result = model.predict(images, progress=progress)
    assert progress.total == len(result) == 5
    assert result.maps.shape == (5, 64, 64)
    assert (result.seconds > 0).all()


def test_broken_images_are_named_and_skipped(model, parts, tmp_path):
    folder = parts(tmp_path / "mixed", 3)
    (folder / "aaa_broken.png").write_bytes(b"no image")
    (folder / "zzz_broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = model.predict(folder)
    assert [skip.name for skip in result.skipped] == ["aaa_broken.png", "zzz_broken.png"]
    assert len(result) == 3
    with pytest.raises(BrokenImageError, match="aaa_broken"):
        model.predict(folder, strict=True)
    with pytest.raises(ImagesError, match=r"none of the images could be decoded; the first: aaa_broken.png"):
        model.predict(folder / "aaa_broken.png")


def test_no_images(model):
    nothing = read_images(np.zeros((1, 9, 9, 3), np.uint8)).where(lambda _: False)
    with pytest.raises(ImagesError, match="there are no images to score"):
        model.predict(nothing)


def test_a_folder_that_is_no_export(tmp_path):
    with pytest.raises(ModelFileError, match=r"is a directory without the readable metadata.json"):
        open_model(tmp_path)
    (tmp_path / "metadata.json").write_text('{"format": "other"}')
    with pytest.raises(ModelFileError, match=r"is not the metadata.json of an exported model"):
        open_model(tmp_path)


def changed(folder, **values):
    path = folder / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder


def test_another_version(copied):
    with pytest.raises(ModelFileError, match=r"has version 9, this PatchSieve reads 1: export again"):
        open_model(changed(copied, format_version=9))


@pytest.mark.parametrize(
    "values", [{"files": 3}, {"preprocessing": {}}, {"pixel_threshold": "high"}, {"review": {"default": [1]}}]
)
def test_damaged_metadata(copied, values):
    with pytest.raises(ModelFileError, match=r"metadata.json is damaged .* export again"):
        open_model(changed(copied, **values))


def test_files_that_are_missing_or_changed(copied):
    numbers = copied / "model.onnx.data"
    with numbers.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"changed")
    with pytest.raises(ModelFileError, match=r"model.onnx.data is not the file that was exported"):
        open_model(copied)
    numbers.unlink()
    with pytest.raises(ModelFileError, match=r"lacks model.onnx.data"):
        open_model(copied)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_graph_that_is_none(copied, engine):
    (copied / "model.onnx").write_bytes(b"no graph")
    from patchsieve.runtime.metadata import hash_file

    kept = json.loads((copied / "metadata.json").read_text())["files"]
    changed(copied, files={**kept, "model.onnx": hash_file(copied / "model.onnx")})
    with pytest.raises(ModelFileError, match=r"cannot load .*model.onnx: "):
        load_exported(copied, engine=engine)


def test_engines_and_devices_that_are_none(exported, model_file):
    with pytest.raises(ConfigError, match=r"no engine 'tensorrt'; choose one of auto, onnxruntime, openvino"):
        load_exported(exported, engine="tensorrt")
    with pytest.raises(ConfigError, match=r"does not run on 'tpu'"):
        load_exported(exported, device="tpu")
    with pytest.raises(ConfigError, match=r"not on 'tpu'"):
        load_exported(exported, device="tpu", engine="openvino")
    with pytest.raises(ConfigError, match="is no exported model: it runs on torch, not on openvino"):
        open_model(model_file, engine="openvino")


def test_openvino_files_run_on_openvino_only(tmp_path):
    (tmp_path / "model.xml").write_text("<net/>")
    from patchsieve.runtime.engines import start_engine

    with pytest.raises(ConfigError, match="export again with --to onnx"):
        start_engine(tmp_path / "model.xml", "onnxruntime")


def test_predict_takes_an_export(patchsieve, exported, model_file, labelled, tmp_path):
    options = ("--format", "csv", "--regions")
    ours = patchsieve("predict", model_file, labelled, *options, tmp_path / "ours.json")
    theirs = patchsieve("predict", exported, labelled, *options, tmp_path / "theirs.json")
    assert theirs.code == ours.code == 0

    def verdicts(done):
        return [line.split(",")[3] for line in done.out.splitlines()]

    assert verdicts(theirs) == verdicts(ours)
    done = patchsieve(
        "predict",
        exported,
        labelled,
        "--engine",
        "openvino",
        "--out",
        tmp_path / "out",
        "--overlays",
        "--maps",
        "npy",
    )
    assert done.code == 0
    assert len(list((tmp_path / "out" / "overlays").rglob("*.png"))) == 34
    with Image.open(next((tmp_path / "out" / "overlays").rglob("*.png"))) as overlay:
        assert overlay.size == (96, 96)


@pytest.mark.usefixtures("traced_once")
def test_export_from_the_command_line(patchsieve, model_file, unsorted, tmp_path):
    done = patchsieve("export", model_file, "--out", tmp_path / "line7")
    assert done.code == 0
    assert f"exported: {tmp_path / 'line7'}" in done.err
    assert "on 12 training images, moved a little, onnxruntime and torch differ by up to" in done.err
    assert (
        json.loads((tmp_path / "line7" / "metadata.json").read_text())["about"]["source"]["file"]
        == "line7.sieve"
    )
    done = patchsieve("export", model_file, "--out", tmp_path / "eight", "--calibrate", unsorted)
    assert done.code == 2
    assert "--calibrate is for --precision int8" in done.err
