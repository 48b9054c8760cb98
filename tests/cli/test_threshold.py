"""`patchsieve threshold`: operating points made and chosen without a refit, and used by the other commands."""

import csv
import json
from io import StringIO

import pytest

from patchsieve import load
from patchsieve.bank import read_container, write_container


@pytest.fixture
def model(model_file, tmp_path):
    copy = tmp_path / "line.sieve"
    copy.write_bytes(model_file.read_bytes())
    return copy


def listed(patchsieve, model):
    finished = patchsieve("threshold", model, "--list", "--format", "json")
    assert finished.code == 0, finished
    return json.loads(finished.out)


def test_points_are_made_listed_and_chosen(patchsieve, model):
    fitted = load(model).threshold_
    tensors, _ = read_container(model)
    finished = patchsieve("threshold", model, "--false-alarms", "0.2", "--name", "eager")
    assert finished.code == 0, finished
    assert "20 % were asked for" in finished.err
    assert patchsieve("threshold", model, "--value", "3.25", "--name", "mine", "--use", "eager").code == 0
    found = listed(patchsieve, model)
    assert found["default"] == "eager"
    assert [point["name"] for point in found["points"]] == ["default", "eager", "mine"]
    assert found["points"][2]["threshold"] == 3.25
    again = load(model)
    assert again.threshold_ == found["points"][1]["threshold"] < fitted
    assert again.operating_points_["default"].threshold == fitted
    kept, header = read_container(model)
    assert all(kept[name].equal(tensor) for name, tensor in tensors.items())
    assert header["threshold"] == again.threshold_


def test_without_a_name_the_point_in_use_is_replaced(patchsieve, model):
    assert patchsieve("threshold", model, "--false-alarms", "0.3", "--clean").code == 0
    (point,) = listed(patchsieve, model)["points"]
    assert point["name"] == "default"
    assert point["rule"] == "false-alarms 0.3, clean"
    assert point["evidence"]["low"] > 0
    assert load(model).threshold_ == point["threshold"]


@pytest.mark.parametrize(
    "goal",
    [
        ["--recall", "0.9"],
        ["--precision", "0.9"],
        ["--f1"],
        ["--youden"],
        ["--cost", "miss=50,false_alarm=1,prevalence=0.01"],
    ],
    ids=lambda goal: goal[0],
)
def test_labelled_images_give_a_point_with_its_costs(patchsieve, model, labelled, goal):
    finished = patchsieve("threshold", model, "--labelled", labelled, *goal, "--name", "by-labels")
    assert finished.code == 0, finished
    assert "false alarms per 1000 good parts" in finished.err
    point = listed(patchsieve, model)["points"][-1]
    assert point["evidence"]["costs"]["defective"] > 0
    assert point["name"] == "by-labels"


def test_a_profile_is_its_own_name_and_evaluate_and_predict_know_it(patchsieve, model, labelled, tmp_path):
    finished = patchsieve("threshold", model, "--labelled", labelled, "--profile", "screening")
    assert finished.code == 0, finished
    assert "cannot show a recall of 95 %" in " ".join(finished.err.split())
    threshold = load(model).operating_points_["screening"].threshold
    evaluated = patchsieve("evaluate", model, labelled, "--format", "json", "--report", tmp_path / "e.html")
    points = json.loads(evaluated.out)["operating_points"]
    assert list(points) == ["default", "screening"]
    assert points["screening"]["threshold"] == threshold
    assert "screening" in patchsieve("evaluate", model, labelled, "--report", tmp_path / "e.html").out
    finished = patchsieve(
        "predict", model, labelled, "--operating-point", "screening", "--review", "0.3", "--format", "csv"
    )
    assert finished.code == 0, finished
    rows = list(csv.DictReader(StringIO(finished.out)))
    assert {float(row["threshold"]) for row in rows} == {threshold}
    assert {row["verdict"] for row in rows} == {"good", "review", "defect"}
    for row in rows:
        assert (row["verdict"] == "defect") == (float(row["score"]) > threshold)
    reviewed = sum(row["verdict"] == "review" for row in rows)
    assert f"{reviewed} of {len(rows)} images are to be reviewed" in finished.err


def test_without_asking_nothing_is_reviewed(patchsieve, model, labelled):
    rows = json.loads(patchsieve("predict", model, labelled, "--format", "json").out)
    assert {row["verdict"] for row in rows} <= {"good", "defect"}


def test_a_file_of_before_is_read_and_changed(patchsieve, model):
    tensors, header = read_container(model)
    del header["operating_points"]
    header["config"]["threshold_quantile"] = 0.95
    del header["config"]["false_alarms"]
    write_container(model, tensors, header)
    old = load(model)
    assert old.false_alarms == 0.05
    assert old.threshold_ == header["threshold"]
    assert patchsieve("threshold", model, "--value", "9", "--name", "high").code == 0
    assert [point.name for point in load(model).operating_points_] == ["default", "high"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--false-alarms", "2"], "must lie between 0 and 1"),
        (["--use", "nobody"], "no operating point 'nobody'; it has default"),
        (["--value", "nan"], "must be a number"),
        (["--recall", "0.9"], "needs labelled images"),
        (["--labelled", ".", "--recall", "2"], "recall is 2.0"),
        (["--labelled", "."], "say what for"),
        (["--labelled", ".", "--cost", "miss=3"], "does not give all three costs"),
        (["--labelled", ".", "--profile", "brave"], "choose one of screening, final, critical"),
        (["--value", "3", "--false-alarms", "0.1"], "one thing at a time"),
        (["--value", "3", "--clean"], "goes with --false-alarms"),
        (["--name", "x"], "say what the point shall be"),
        (["--list", "--value", "3"], "changes nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_said_and_changes_nothing(refused, model, arguments, words):
    assert words in refused("threshold", model, *arguments)


def test_predict_says_which_points_there_are(refused, model, labelled):
    assert "no operating point 'x'; it has default" in refused(
        "predict", model, labelled, "--operating-point", "x"
    )
    assert "such as 0.05, or interval" in refused("predict", model, labelled, "--review", "some")
