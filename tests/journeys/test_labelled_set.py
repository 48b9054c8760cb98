"""A labelled data set in MVTec AD's layout: learn from its train part, be judged by its test part."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

import patchsieve


@pytest.mark.slow
def test_the_figures_are_those_of_scikit_learn_on_the_predictions(process, labelled, tmp_path, read_page):
    process("fit", labelled, "--out", "plate.sieve", "--image-size", "64", "--crop", "none", "--tau", "0.2")
    process("predict", "plate.sieve", labelled / "test", "--out", "results", "--maps", "npy")
    shown = process("evaluate", "plate.sieve", labelled, "--format", "json", "--report", "judged.html")
    figures = json.loads(shown.stdout)

    with (tmp_path / "results" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    labels = np.array([row["image"].startswith("blob/") for row in rows])
    scores = np.array([float(row["score"]) for row in rows])
    called = [row["verdict"] == "defect" for row in rows]
    assert labels.sum() == 6
    assert figures["auroc"] == roc_auc_score(labels, scores)
    assert figures["average_precision"] == average_precision_score(labels, scores)
    assert figures["threshold"] == float(rows[0]["threshold"])
    assert confusion_matrix(labels, called).ravel().tolist() == [
        figures[cell] for cell in ("true_negatives", "false_positives", "false_negatives", "true_positives")
    ]
    assert figures["seen_in_training"] == 0
    assert 0.8 < figures["pixel_auroc"] <= 1

    page = read_page(tmp_path / "judged.html")
    for number in (figures["auroc"], figures["average_precision"], figures["pixel_auroc"]):
        assert f"{number:.4f}" in page.text
    assert "tau: 0.2" in page.text
    assert "test/blob/part_00.png" in page.text
    assert patchsieve.load(tmp_path / "plate.sieve").training_.images.layout == "mvtec"
