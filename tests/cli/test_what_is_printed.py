import csv
import io
import json
import re
import shutil

import pytest
import yaml

from patchsieve import load
from patchsieve.decisions import OperatingPoint, OperatingPoints
from patchsieve.decisions.rows import COLUMNS
from patchsieve.detectors import make_detector

STRANGE = "part [2] :warning: [red]x,y;z \N{LATIN SMALL LETTER U WITH DIAERESIS}.png"


@pytest.fixture
def strange(tmp_path, part):
    """A folder with one defective part under a name that looks like mark-up, and one under a very long one."""
    folder = tmp_path / "strange"
    folder.mkdir()
    part(0, defective=True).image.save(folder / STRANGE)
    part(1).image.save(folder / ("long_" * 30 + ".png"))
    return folder


def test_predictions_are_the_same_in_csv_and_json_and_those_of_the_library(patchsieve, model_file, labelled):
    as_csv = patchsieve("predict", model_file, labelled / "test", "--format", "csv")
    as_json = patchsieve("predict", model_file, labelled / "test", "--format", "json")
    assert as_csv.err == as_json.err == ""
    rows = list(csv.DictReader(io.StringIO(as_csv.out)))
    objects = json.loads(as_json.out)
    assert tuple(rows[0]) == tuple(objects[0]) == COLUMNS
    result = load(model_file).predict(labelled / "test")
    for index, (row, entry) in enumerate(zip(rows, objects, strict=True)):
        assert row["image"] == entry["image"] == result.images.names[index]
        assert float(row["score"]) == entry["score"] == result.scores[index]
        assert float(row["threshold"]) == entry["threshold"] == result.threshold
        assert row["verdict"] == entry["verdict"] == result.verdicts[index]
        assert [int(row["peak_x"]), int(row["peak_y"])] == result.peaks[index].tolist()
        assert float(row["seconds"]) >= 0
        assert row["note"] == entry["note"] == ""


def test_names_are_printed_as_they_are(patchsieve, model_file, strange):
    table = patchsieve("predict", model_file, strange).out
    assert "long_" * 30 + ".png" in "".join(line.split(" ")[0] for line in table.splitlines())
    rows = list(
        csv.DictReader(io.StringIO(patchsieve("predict", model_file, strange, "--format", "csv").out))
    )
    assert {row["image"] for row in rows} == {path.name for path in strange.iterdir()}
    (strange / STRANGE).write_bytes(b"")
    assert f"  {STRANGE}: an empty file" in patchsieve("check", strange).out
    said = patchsieve("predict", model_file, strange / STRANGE).err
    assert f"the first: {STRANGE}: an empty file" in said


def test_check_says_what_a_labelled_set_is(patchsieve, labelled):
    finished = patchsieve("check", labelled)
    assert finished.code == 0
    assert f"{labelled}: 34 images, layout mvtec" in finished.out
    rows = [line.split() for line in finished.out.splitlines()]
    for row in (["train", "good", "22"], ["test", "good", "6"], ["test", "blob", "6"]):
        assert row in rows
    assert "sizes: 96 x 96 (34)" in finished.out
    assert "modes: RGB (34); bits per channel: 8 (34); formats: PNG (34)" in finished.out


def test_check_finds_copies_and_images_in_train_and_test(patchsieve, labelled, tmp_path):
    root = shutil.copytree(labelled, tmp_path / "plate")
    good = root / "train" / "good"
    shutil.copy(good / "part_00.png", good / "again.png")
    shutil.copy(good / "part_01.png", root / "test" / "good" / "leaked.png")
    shown = patchsieve("check", root)
    assert "exact duplicates: 2\n" in shown.out
    assert "train/good/again.png = train/good/part_00.png (same file)" in shown.out
    assert "in both train and test: 1\n" in shown.out
    report = json.loads(patchsieve("check", root, "--format", "json").out)
    assert report["layout"] == "mvtec"
    assert report["images"] == 36
    (across,) = [group for group in report["duplicates"] if group["across_splits"]]
    assert sorted(across["names"]) == ["test/good/leaked.png", "train/good/part_01.png"]


def test_check_shows_five_of_many_and_json_all(patchsieve, tmp_path, part):
    part(0).image.save(tmp_path / "ok.png")
    for index in range(7):
        (tmp_path / f"{index}.png").write_text("no image")
    shown = patchsieve("check", tmp_path).out
    assert "unreadable: 7" in shown
    assert "4.png" in shown
    assert "5.png" not in shown
    assert "and 2 more (--format json lists all)" in shown
    assert len(json.loads(patchsieve("check", tmp_path, "--format", "json").out)["unreadable"]) == 7


def test_suspects_are_those_above_the_threshold_or_as_many_as_asked_for(patchsieve, model_file):
    usual = json.loads(patchsieve("suspects", model_file, "--format", "json").out)
    assert {row["image"] for row in usual[:4]} == {f"part_{index}.png" for index in (24, 25, 26, 27)}
    assert all(row["verdict"] == "defect" for row in usual)
    more = list(
        csv.DictReader(io.StringIO(patchsieve("suspects", model_file, "--top", 9, "--format", "csv").out))
    )
    assert [row["image"] for row in more[:4]] == [row["image"] for row in usual[:4]]
    scores = [float(row["score"]) for row in more]
    assert len(scores) == 9
    assert scores == sorted(scores, reverse=True)


def test_suspects_without_any_says_how_to_see_the_highest_anyway(patchsieve, fitted, tmp_path):
    calm = load_with_threshold(fitted, 1e6)
    calm.save(tmp_path / "calm.sieve")
    finished = patchsieve("suspects", tmp_path / "calm.sieve", "--out", tmp_path / "suspects")
    assert finished.code == 0
    assert "no training image is above the threshold 1e+06; --top 20 shows the highest anyway" in finished.err
    assert not (tmp_path / "suspects").exists()


def load_with_threshold(model, threshold):
    copy = type(model)(**model.get_params())
    vars(copy).update(vars(model))
    copy.operate(OperatingPoints.only(OperatingPoint.at("default", threshold)))
    return copy


def test_pictures_of_suspects_whose_files_are_gone_are_said_to_be_missing(patchsieve, parts, tmp_path):
    folder = parts(tmp_path / "line7", 12, 2)
    model = tmp_path / "line7.sieve"
    assert patchsieve("fit", folder, "--out", model, small=True).code == 0
    (folder / "part_12.png").unlink()
    finished = patchsieve("suspects", model, "--top", 2, "--out", tmp_path / "suspects")
    assert finished.code == 0
    assert "no picture of part_12.png: no such file" in finished.err
    written = {path.name for path in (tmp_path / "suspects").iterdir()}
    assert len(written) == 3
    assert {"suspects.csv", "suspects.png"} < written
    assert "part_12.png" in (tmp_path / "suspects" / "suspects.csv").read_text()


def test_evaluate_prints_the_same_figures_as_table_and_json(patchsieve, model_file, labelled, tmp_path):
    report = ["--report", tmp_path / "report.html"]
    table = patchsieve("evaluate", model_file, labelled, *report)
    figures = json.loads(patchsieve("evaluate", model_file, labelled, *report, "--format", "json").out)
    lines = [re.split(r" {2,}", line.strip()) for line in table.out.splitlines()]
    rows = {row[0]: row[1:] for row in lines}
    shown = {
        name: value if value is None else f"{value:.4g}"
        for name, value in figures.items()
        if isinstance(value, float)
    }
    assert rows["AUROC"] == [shown["auroc"], shown["pixel_auroc"]]
    assert rows["average precision"] == [shown["average_precision"], shown["pixel_average_precision"]]
    assert rows["best F1"] == [shown["f1_max"], shown["pixel_f1_max"]]
    assert rows["AUPRO to 30 %"] == [shown["aupro"]]
    assert rows["best Youden's J"] == [shown["youden_max"]]
    assert rows["recall at 1 % false alarms"] == [shown["recall_at_1_percent"]]
    assert f"at the threshold {shown['threshold']}" in rows
    for words, name in (("recall", "recall"), ("specificity", "specificity"), ("F1", "f1"), ("MCC", "mcc")):
        assert rows[words] == [shown[name]]
    for name, called in (
        ("good", ("true_negatives", "false_positives")),
        ("defective", ("false_negatives", "true_positives")),
    ):
        of_class = [f"{figures['classes'][name][figure]:.4g}" for figure in ("precision", "recall", "f1")]
        assert rows[name] == [*(str(figures[count]) for count in called), *of_class]
    assert figures["undefined"] == {}
    assert figures["images"] == 12
    assert figures["seen_in_training"] == 0


def test_what_one_class_cannot_say_is_null_and_said_once(patchsieve, model_file, labelled, tmp_path):
    (tmp_path / "only" / "good").mkdir(parents=True)
    (tmp_path / "only" / "bad").mkdir()
    shutil.copy(labelled / "test" / "good" / "part_00.png", tmp_path / "only" / "good")
    report = ["--layout", "good_bad", "--report", tmp_path / "report.html"]
    finished = patchsieve("evaluate", model_file, tmp_path / "only", *report)
    assert finished.code == 0
    (said,) = [line for line in finished.err.splitlines() if "no defective image" in line]
    assert "not defined, because there is no defective image: AUROC, average precision, best F1" in said
    figures = json.loads(
        patchsieve("evaluate", model_file, tmp_path / "only", *report, "--format", "json").out
    )
    assert figures["auroc"] is figures["pixel_auroc"] is figures["classes"]["defective"]["recall"] is None
    assert figures["undefined"]["auroc"] == "there is no defective image"
    assert figures["undefined"]["pixel_auroc"].startswith("there is no defective pixel")


def test_evaluate_on_training_images_warns(patchsieve, labelled, tmp_path):
    model = tmp_path / "plate.sieve"
    assert patchsieve("fit", labelled, "--out", model, small=True).code == 0
    finished = patchsieve("evaluate", model, labelled / "train", "--layout", "good_bad")
    assert finished.code == 2
    (tmp_path / "sorted" / "good").mkdir(parents=True)
    (tmp_path / "sorted" / "bad").mkdir()
    shutil.copy(labelled / "train" / "good" / "part_00.png", tmp_path / "sorted" / "good")
    shutil.copy(labelled / "test" / "blob" / "part_00.png", tmp_path / "sorted" / "bad")
    finished = patchsieve("evaluate", model, tmp_path / "sorted")
    assert finished.code == 0
    assert "warning: 1 of the 2 images were in the training set: these figures flatter" in finished.err
    assert (tmp_path / "plate-evaluation.html").exists()


def config(patchsieve, *options):
    finished = patchsieve("fit", "--print-config", *options)
    assert finished.code == 0
    assert finished.err == ""
    return yaml.safe_load(finished.out)


def test_the_printed_configuration_is_all_of_it_and_builds_the_same_detector(patchsieve):
    for name in ("softpatch", "patchcore", "padim", "spade"):
        printed = config(patchsieve, "--detector", name)
        assert printed.pop("detector") == name
        plain = make_detector(name)
        assert set(printed) == set(plain.get_params())
        assert make_detector(name, printed).get_params() == plain.get_params()


def test_a_preset_is_less_than_a_file_and_a_file_less_than_a_flag(patchsieve, tmp_path):
    path = tmp_path / "line7.yaml"
    path.write_text("tau: 0.2\nlof_k: 9\nimage_size: 256x320\ncrop: none\nlayers: layer1, layer2\n")
    printed = config(patchsieve, "--preset", "paper", "--config", path, "--tau", "0.3", "--no-soft-weights")
    assert printed["backbone"] == "timm:wide_resnet50_2"
    assert printed["dims"] == 1024
    assert printed["layers"] == ["layer1", "layer2"]
    assert printed["image_size"] == [256, 320]
    assert printed["crop"] is None
    assert (printed["tau"], printed["lof_k"], printed["soft_weights"]) == (0.3, 9, False)
    assert config(patchsieve, "--config", path, "--crop", "128")["crop"] == 128
    path.write_text("")
    assert config(patchsieve, "--config", path) == config(patchsieve)


def test_a_preset_brings_its_detector(patchsieve, tmp_path):
    printed = config(patchsieve, "--preset", "padim-star", "--seed", "3")
    assert (printed["detector"], printed["backbone"], printed["channels"]) == ("padim", "timm:resnet18", 100)
    assert printed["seed"] == 3
    path = tmp_path / "line7.yaml"
    path.write_text("detector: padim\nchannels: 40\n")
    assert config(patchsieve, "--preset", "padim", "--config", path)["channels"] == 40
    refused = patchsieve("fit", "--print-config", "--preset", "padim", "--detector", "patchcore")
    assert refused.code == 2
    assert "patchcore has no setting 'channels'" in " ".join(refused.err.split())


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ((), "adaptive"),
        (("--no-soft-weights", "--coreset", "random"), "adaptive"),
        (("--tau", "0.1"), "softpatch"),
        (("--discriminator", "mutual"), "softpatch"),
        (("--set", "lof_k=5"), "softpatch"),
        (("--detector", "patchcore", "--seed", "2"), "patchcore"),
    ],
)
def test_settings_of_softpatch_alone_choose_softpatch(patchsieve, options, meant):
    assert config(patchsieve, *options)["detector"] == meant


def test_the_preset_of_the_papers(patchsieve):
    printed = config(patchsieve, "--preset", "paper")
    assert printed["detector"] == "softpatch"
    assert config(patchsieve, "--preset", "paper", "--detector", "patchcore")["detector"] == "patchcore"
    assert printed["layers"] == ["layer2", "layer3"]
    assert (printed["image_size"], printed["crop"], printed["dims"]) == (256, 224, 1024)
    assert (printed["tau"], printed["lof_k"], printed["coreset_ratio"]) == (0.15, 6, 0.1)
    assert (printed["discriminator"], printed["soft_weights"], printed["sigma"]) == ("lof", True, 4.0)
