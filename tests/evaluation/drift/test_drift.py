"""From a model and images to the answer and its words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from patchsieve.detectors import PaDiM, SoftPatch
from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.evaluation.drift import Finding, causes, drift, headline, sentences
from patchsieve.images import read_images
from patchsieve.pictures.drift import write_drift_report

Parts = Callable[..., Path]


def test_an_answer_holds_what_it_was_found_from(fitted: Any, parts: Parts, tmp_path: Path) -> None:
    today = parts(tmp_path / "today", 15, first=300)
    report = drift(fitted, today)
    assert report.verdict == "none"
    assert not report.drifted
    assert report.changes == ()
    assert causes(report) == ()
    np.testing.assert_array_equal(report.today.scores, fitted.predict(today).scores)
    assert report.images.names == read_images(today).names
    assert report.alarms == int((report.today.scores > fitted.threshold_).sum())
    assert drift(fitted, today).findings == report.findings


def test_a_lens_out_of_focus_is_named(fitted: Any, parts: Parts, tmp_path: Path) -> None:
    today = parts(tmp_path / "today", 15, first=300)
    for path in today.iterdir():
        Image.open(path).filter(ImageFilter.GaussianBlur(1.5)).save(path)
    report = drift(fitted, today)
    assert report.drifted
    assert "focus, vibration, motion, a dirty lens, or stronger compression of the files" in causes(report)
    assert any("less sharp than in training" in sentence for sentence in sentences(report))
    # The camera did not move.
    assert not any("moved" in cause for cause in causes(report))


def test_more_defects_than_usual_are_defects(parts: Parts, tmp_path: Path) -> None:
    """Alarms on a fifth of the images: told from drift, and the images are named."""
    model = SoftPatch(image_size=64, crop=None, device="cpu").fit(parts(tmp_path / "clean", 60))
    report = drift(model, parts(tmp_path / "today", 32, 8, first=300))
    assert report.verdict == "defects"
    assert not report.drifted
    assert (
        f"{report.alarms} of today's 40 images stand out: defects, rather than a change of lamp"
        in headline(report)
    )
    assert {f"part_{index:02}.png" for index in range(32, 40)} <= set(report.outstanding)
    assert causes(report) == ()


def test_a_change_that_no_figure_explains_points_at_the_parts(
    fitted: Any, parts: Parts, tmp_path: Path
) -> None:
    report = drift(fitted, parts(tmp_path / "today", 15, first=300))
    score = Finding("score", "higher", 1e-9, 1e-8, 0.9, 1.0, 1.6, 0.6, drifted=True)
    changed = replace(report, verdict="drift", findings=(score,))
    assert causes(changed)[0].startswith(
        "brightness, contrast, sharpness, colour and position are as in training"
    )
    unknown = replace(changed, training=replace(report.training, appearance=None))
    assert "does not know how bright" in causes(unknown)[0]


def test_scores_that_fall_with_more_images_are_no_drift(parts: Parts, tmp_path: Path) -> None:
    """PaDiM's are a third higher by models of two thirds of 24 images, for no reason of today's."""
    model = PaDiM(image_size=64, crop=None, dims=16, device="cpu").fit(parts(tmp_path / "train", 24))
    report = drift(model, parts(tmp_path / "today", 15, first=300))
    assert report.score_ratio() < 0.85
    assert report.verdict == "none"


def test_arrays_will_do(fitted: Any, part: Callable[..., Any]) -> None:
    arrays = [np.asarray(part(seed).image) for seed in range(400, 412)]
    assert drift(fitted, arrays).verdict == "none"


def test_what_cannot_be_compared_is_refused(
    fitted: Any, unsorted: Path, parts: Parts, tmp_path: Path
) -> None:
    with pytest.raises(ImagesError, match=r"all 28 images in .* are images that the model has learnt from"):
        drift(fitted, unsorted)
    today = parts(tmp_path / "today", 12, first=300)
    (today / "cut.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(BrokenImageError, match=r"cut\.png"):
        drift(fitted, today, strict=True)
    assert [skip.name for skip in drift(fitted, today).skipped] == ["cut.png"]
    ranking = SoftPatch(image_size=64, crop=None)
    ranking.fit_ranking(ranking.embed(str(unsorted)))
    with pytest.raises(ConfigError, match="knows none of its training images"):
        drift(ranking, today)


def test_the_page_escapes_names_and_stands_alone(fitted: Any, parts: Parts, tmp_path: Path) -> None:
    today = parts(tmp_path / "today", 12, first=300)
    (today / "part_00.png").rename(today / "<b>&.png")
    report = drift(fitted, today)
    write_drift_report(report, fitted, tmp_path / "page.html", title="a < b")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<title>a &lt; b</title>" in page
    assert "<b>&.png" not in page
    assert 'src="data:image/svg+xml' in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<svg") == 0


def test_the_page_does_without_images_that_are_gone(fitted: Any, parts: Parts, tmp_path: Path) -> None:
    today = parts(tmp_path / "today", 12, first=300)
    report = drift(fitted, today)
    for path in today.iterdir():
        path.unlink()
    write_drift_report(report, fitted, tmp_path / "page.html", title="gone")
    assert "Today's highest scores" not in (tmp_path / "page.html").read_text("utf-8")
