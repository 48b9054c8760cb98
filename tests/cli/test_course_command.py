"""`patchsieve course` from the command line."""

import csv
import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def tree(parts, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("course") / "plate"
    parts(root / "train" / "good", 10)
    parts(root / "train" / "bad", 0, 3, first=50)
    parts(root / "test", 4, 2, first=80)
    return root


SMALL = ("--set", "image_size=64", "--set", "crop=none")


def test_figures_are_printed_and_files_written(patchsieve, tree: Path, tmp_path: Path) -> None:
    finished = patchsieve("course", tree, "--out", tmp_path / "results", *SMALL)
    assert finished.code == 0, finished.err
    lines = {line.split("  ")[0]: line for line in finished.out.splitlines()}
    assert lines["fitted on"].split() == ["fitted", "on", "good", "good", "and", "bad"]
    assert lines["defects found"].split()[2:5] == ["3", "of", "3"]
    assert "scored by models that have not seen them" in finished.err
    for name, count in (("plate_train_predictions.csv", 26), ("plate_predictions.csv", 12)):
        assert name in finished.err
        with (tmp_path / "results" / name).open(newline="") as stream:
            assert len(list(csv.DictReader(stream))) == count


def test_the_threshold_and_the_detector_are_the_users(patchsieve, tree: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> dict:
        finished = patchsieve(
            "course",
            tree,
            "--out",
            tmp_path,
            "--format",
            "json",
            "--detector",
            "patchcore",
            *SMALL,
            *arguments,
        )
        assert finished.code == 0, finished.err
        return json.loads(finished.out)

    given = run("--threshold", "0.001")
    assert given["fits"]["good"]["test_alarms"] == 6
    assert given["fits"]["good"]["threshold"] == 0.001
    forced = run("--threshold", "source")
    assert forced["fits"]["good"]["test_alarms"] == 1
    assert "10 % of the test images" in forced["threshold_rule"]
    assert forced["notes"] == [forced["threshold_rule"]]
    assert run("--threshold", "quantile:0.9")["fits"]["good"]["auroc"] == given["fits"]["good"]["auroc"]


def test_what_is_wrong_is_said_in_one_sentence(refused, tree: Path, unsorted: Path, tmp_path: Path) -> None:
    assert "is none of calibrated" in refused("course", tree, "--threshold", "high", "--out", tmp_path / "r")
    assert "labelled good to learn from" in refused("course", unsorted, "--out", tmp_path / "r")
    assert "no setting 'taus'" in refused("course", tree, "--set", "taus=1", "--out", tmp_path / "r")
