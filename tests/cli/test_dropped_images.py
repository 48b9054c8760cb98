"""Image-level denoising and the adaptive sieve say which images they did not learn from."""

import csv
import io

import pytest

from patchsieve import load


@pytest.fixture(scope="module")
def settings():
    return ("--detector", "denoised", "--set", "first_settings={channels: 20}", "--set", "drop=0.25")


def test_fit_the_report_and_the_suspects_name_what_was_dropped(patchsieve, unsorted, tmp_path, settings):
    path = tmp_path / "line7.sieve"
    finished = patchsieve("fit", unsorted, *settings, "--out", path, small=True)
    assert finished.code == 0, finished.err
    dropped = load(path).dropped_images
    # floor(0.25 * 28), the four defective parts among them.
    assert len(dropped) == 7
    assert {f"part_{number}.png" for number in range(24, 28)} <= set(dropped)
    said = f"7 images dropped by image-level denoising; the worst first: {', '.join(dropped[:5])}, ..."
    assert said in " ".join(finished.err.split())
    assert f"7, the worst first: {', '.join(dropped)}<" in path.with_suffix(".html").read_text()
    listed = patchsieve("suspects", path, "--top", 28, "--format", "csv").out
    notes = {row["image"]: row["note"] for row in csv.DictReader(io.StringIO(listed))}
    assert {name for name, note in notes.items() if note == "dropped by image-level denoising"} == set(
        dropped
    )
    assert len(notes) == 28


def test_the_adaptive_sieve_says_that_it_distrusts_nothing(patchsieve, unsorted, parts, tmp_path):
    path = tmp_path / "line7.sieve"
    finished = patchsieve("fit", parts(tmp_path / "clean", 20), "--out", path, small=True)
    said = "it is not certain that all images are good: all were learnt from"
    assert said in " ".join(finished.err.split())
    assert said in path.with_suffix(".html").read_text()
    finished = patchsieve("fit", unsorted, "--set", "contamination=0", "--out", path, small=True)
    assert "images were learnt from" not in finished.err
    assert load(path).finding == ""


@pytest.mark.parametrize("settings", [(), ("--set", "contamination=0.15")])
def test_the_adaptive_sieve_says_what_it_distrusts(patchsieve, unsorted, tmp_path, settings):
    path, why = tmp_path / "line7.sieve", "since they look defective"
    finished = patchsieve("fit", unsorted, *settings, "--out", path, small=True)
    assert finished.code == 0, finished.err
    model = load(path)
    dropped = model.dropped_images
    assert set(dropped) == {f"part_{number}.png" for number in range(24, 28)}
    assert set(dropped) == {model.training_.images.names[image] for image in model.distrusted_}
    scores = dict(zip(model.training_.images.names, model.training_.scores, strict=True))
    assert [scores[name] for name in dropped] == sorted((scores[name] for name in dropped), reverse=True)
    said = " ".join(finished.err.split())
    assert f"4 images not learnt from, {why}; the worst first: {', '.join(dropped)}" in said
    assert f"Images not learnt from, {why}<" in path.with_suffix(".html").read_text()
    listed = patchsieve("suspects", path, "--top", 28, "--format", "csv").out
    notes = {row["image"]: row["note"] for row in csv.DictReader(io.StringIO(listed))}
    assert {name for name, note in notes.items() if note == f"not learnt from, {why}"} == set(dropped)
