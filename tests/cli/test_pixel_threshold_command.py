"""`patchsieve pixel-threshold`: the model that is written outlines at the new threshold, and judges as before."""

import pytest

from patchsieve import load
from patchsieve.evaluation import best_f1_threshold, evaluate, false_positive_threshold


def test_by_masks_by_a_rate_by_hand_and_back(patchsieve, model_file, labelled, tmp_path):
    def run(model, name, *arguments):
        finished = patchsieve("pixel-threshold", model, *arguments, "--out", tmp_path / name)
        assert finished.code == 0, finished
        return load(tmp_path / name), finished

    model = load(model_file)
    evaluation = evaluate(model, labelled)
    best, finished = run(model_file, "best.sieve", labelled)
    assert best.pixel_threshold_ == best_f1_threshold(evaluation)
    assert best.threshold_ == model.threshold_
    assert f"{best.pixel_threshold_:.4g}" in finished.out
    assert "defects touched" in finished.out
    rate, _ = run(model_file, "rate.sieve", labelled, "--false-positives", "0.01")
    assert rate.pixel_threshold_ == false_positive_threshold(evaluation, 0.01)
    hand, _ = run(model_file, "hand.sieve", "--value", "12.5")
    assert hand.pixel_threshold_ == 12.5
    back, _ = run(tmp_path / "hand.sieve", "back.sieve")
    assert (
        back.pixel_threshold_ == model.pixel_threshold_ == pytest.approx(model.unlabelled_pixel_threshold())
    )
    (record, *_) = evaluation.result.images
    assert hand.predict(record.path).pixel_threshold == 12.5


def test_what_cannot_work_is_said(refused, patchsieve, model_file, unsorted, tmp_path):
    out = ("--out", tmp_path / "b.sieve")
    assert patchsieve("pixel-threshold", model_file, unsorted, "--value", 3, *out).code == 2
    assert patchsieve("pixel-threshold", model_file, "--false-positives", 0.1, *out).code == 2
    assert "no labelled test images" in refused("pixel-threshold", model_file, unsorted, *out)
    (tmp_path / "b.sieve").write_bytes(b"the model of last week")
    assert "b.sieve exists" in patchsieve("pixel-threshold", model_file, *out).err.replace("\n", " ")
    assert patchsieve("pixel-threshold", model_file, *out, "--overwrite").code == 0
