"""The report as a browser reads it: every section that has data, none that has not, nothing from outside."""

import base64
import io
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation import image_metrics, pixel_metrics
from patchsieve.images.collection import Skipped
from patchsieve.pictures import ColourScale, NextStep, Report, ReportImage, render, write_report

HOSTILE = "<script>alert(1)</script>&\"'.png"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """What a test wants to know of a page, and that its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data) -> None:
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]

    @property
    def images(self) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.tags if tag == "img"]


def report_image(name: str = "a.png", **changes) -> ReportImage:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    anomaly_map = np.random.default_rng(1).random((8, 8), np.float32)
    return replace(ReportImage(name, pixels, anomaly_map, (4.0, 4.0, 56.0, 36.0), 4.0), **changes)


BARE = Report(
    title="line 7",
    created=datetime(2026, 11, 22, 3, 16, tzinfo=UTC),
    headline="SoftPatch learnt from 5 images.",
    scale=ColourScale(1.0, 5.0),
    threshold=3.0,
)
LABELS, SCORES = np.array([0, 0, 1, 1]), np.array([1.0, 4.0, 2.0, 5.0])
FULL = replace(
    BARE,
    next_steps=(NextStep("Look at the suspects.", "patchsieve suspects line7.sieve"),),
    warnings=("few images",),
    facts=(("Images", "5"),),
    training_scores=np.array([1.0, 2.0, 2.5, 3.0, 4.0]),
    sieved_shares=np.array([0.0, 0.1, 0.1, 0.2, 0.6]),
    suspects=(report_image(),),
    test_scores=SCORES,
    test_labels=LABELS,
    image_metrics=image_metrics(LABELS, SCORES, 3.0),
    # Of two good pixels the one that scores 2 is above the defective 1.
    pixel_metrics=pixel_metrics([np.array([[0.0, 1.0, 2.0]])], [np.array([[False, True, False]])]),
    worst=(
        report_image("w.png", mask=np.eye(40, 60, dtype=bool), defective=True, defect="crack", score=2.0),
    ),
    best=(report_image("b.png", defective=False, score=1.0),),
    skipped=(Skipped("broken.jpg", "truncated JPEG"),),
    config="tau: 0.15\n",
    versions={"numpy": "2.0"},
    timings={"features": 61.0, "sieve": 2.25},
)


@cache
def full_report() -> str:
    return render(FULL)


SECTIONS = ["next", "facts", "test", "legend", "suspects", "worst", "best", "scores", "skipped", "details"]


def sections(page: Page) -> list[str]:
    return [attrs["id"] for tag, attrs in page.tags if tag == "section"]


def test_a_full_report_has_every_section_in_reading_order() -> None:
    page = Page(full_report())
    assert sections(page) == SECTIONS
    assert len(page.ids) == len(set(page.ids))


def test_a_bare_report_has_no_section_and_no_empty_heading() -> None:
    page = Page(render(BARE))
    assert sections(page) == []
    assert [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")] == ["h1"]
    assert page.images == []


@pytest.mark.parametrize(
    ("without", "gone"),
    [
        ({"image_metrics": None}, {"test"}),
        ({"suspects": ()}, {"suspects"}),
        ({"suspects": (), "worst": (), "best": ()}, {"suspects", "worst", "best", "legend"}),
        ({"training_scores": None, "sieved_shares": None, "test_scores": None}, {"scores"}),
        ({"skipped": ()}, {"skipped"}),
        ({"config": None, "versions": {}, "timings": {}}, {"details"}),
        ({"next_steps": ()}, {"next"}),
    ],
)
def test_missing_data_takes_its_section_and_its_link_along(without, gone) -> None:
    page = Page(render(replace(FULL, **without)))
    assert set(sections(page)) == set(SECTIONS) - gone
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)


def test_nothing_comes_from_outside() -> None:
    page = Page(full_report())
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "url(" not in full_report()
    assert "@import" not in full_report()


def test_the_first_words_say_what_was_learnt_and_what_to_do() -> None:
    text = Page(full_report()).text
    beginning = text[: text.index("Result on the test images")]
    for part in (
        "SoftPatch learnt from 5 images. 1 of the 5 training images scores above the threshold of 3.",
        "Mind: few images",
        "What to do next",
        "patchsieve suspects line7.sieve",
    ):
        assert part in beginning
    assert text.rindex("tau: 0.15") > text.index("truncated JPEG")


@pytest.mark.parametrize(
    ("scores", "says"), [([1.0, 2.0], "None of the 2"), ([4.0, 5.0], "2 of the 2 training images score ")]
)
def test_suspects_are_counted_in_plain_words(scores, says) -> None:
    assert says in Page(render(replace(BARE, training_scores=np.array(scores)))).text


def test_hostile_names_and_texts_are_text_and_never_markup() -> None:
    hostile = replace(
        FULL,
        title=HOSTILE,
        headline=HOSTILE,
        warnings=(HOSTILE,),
        next_steps=(NextStep(HOSTILE, HOSTILE),),
        facts=((HOSTILE, HOSTILE),),
        suspects=(report_image(HOSTILE, defective=True, defect=HOSTILE),),
        skipped=(Skipped(HOSTILE, HOSTILE),),
        config=HOSTILE,
        versions={HOSTILE: HOSTILE},
    )
    page = Page(render(hostile))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count("alert(1)") >= 12
    assert any(image["alt"] == f"input image {HOSTILE}" for image in page.images)
    assert {name for _, attrs in page.tags for name in attrs if name.startswith("on")} == set()


def test_a_name_that_is_not_utf8_is_written_all_the_same(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(replace(FULL, suspects=(report_image("bad\udcff.png"),)), target)
    assert r"bad\udcff.png" in target.read_text("utf-8")


def test_every_image_says_in_words_what_it_shows() -> None:
    page = Page(full_report())
    assert all(image["alt"].strip() for image in page.images)
    captions = page.text
    assert captions.count("mask (truth)") == 1
    assert captions.count("anomaly map") >= 3


def test_numbers_of_the_test_reach_the_page() -> None:
    text = Page(full_report()).text
    for part in (
        "image AUROC 0.7500",
        "pixel AUROC 0.5000",
        "(AUPRO to 30 %) 0.0000",
        "recall at 1 % false alarms 50.0 %",
        "good images that pass (specificity) 50.0 %",
        "Matthews' correlation (MCC) 0.0000",
        "precision recall F1 images good 0.5000 0.5000 0.5000 2 defective 0.5000 0.5000 0.5000 2",
        "1 right 1 false alarm ",
        "1 missed 1 found",
        "(recall) 50.0 %",
        "all together 1 min 03 s",
    ):
        assert part in text


def test_without_masks_nothing_is_said_of_pixels() -> None:
    text = Page(render(replace(FULL, pixel_metrics=None))).text
    assert "image AUROC 0.7500" in text
    assert "Pixels, at any threshold" not in text


def test_undefined_numbers_give_their_reason_and_no_curve() -> None:
    labels = np.zeros(4, int)
    one_class = replace(FULL, test_labels=labels, image_metrics=image_metrics(labels, SCORES, 3.0))
    page = Page(render(one_class))
    assert "image AUROC not defined: there is no defective image" in page.text
    assert not any("ROC curve" in image["alt"] for image in page.images)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"defective": True, "score": 2.0}, "wrong: missed (defective)"),
        ({"defective": False, "score": 4.0}, "wrong: false alarm (good)"),
        ({"defective": True, "defect": "dent", "score": 4.0}, "right: found (defective: dent)"),
        ({"defective": False, "score": 3.0}, "right: passed (good)"),
        ({"defective": None, "score": 4.0}, "above the threshold"),
    ],
)
def test_test_images_are_judged_by_their_labels(changes, says) -> None:
    assert says in Page(render(replace(BARE, worst=(report_image(**changes),)))).text


def test_a_defect_that_the_model_cannot_see_is_said_to_be_outside() -> None:
    rim, inside = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    rim[:3, 20:30] = True
    inside[10:13, 20:30] = True
    for mask, said in ((rim, True), (inside, False)):
        missed = report_image(defective=True, score=1.0, mask=mask)
        text = Page(render(replace(BARE, worst=(missed,)))).text
        assert ("outside the part that the model sees" in text) == said


def test_an_alarm_away_from_the_marked_defect_is_not_sold_as_finding_it() -> None:
    anomaly_map = np.zeros((8, 8), np.float32)
    anomaly_map[1, 1] = 5.0  # its centre is pixel x = 13, y = 10
    on, off = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    on[11:14, 14:16] = True
    off[25:30, 40:50] = True
    for mask, said in ((on, False), (off, True), (None, False)):
        found = report_image(defective=True, score=5.0, mask=mask, anomaly_map=anomaly_map)
        text = Page(render(replace(BARE, best=(found,)))).text
        assert ("right: found, but the peak of the map is not on the marked defect" in text) == said


def test_labels_of_training_images_are_reported_and_not_believed() -> None:
    text = Page(render(replace(BARE, suspects=(report_image(defective=False),)))).text
    assert "above the threshold, labelled good" in text
    assert "wrong" not in text


def decoded(image: dict[str, str]) -> np.ndarray:
    data = base64.b64decode(image["src"].partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_normal_and_a_defective_image_are_told_apart_by_their_maps() -> None:
    calm = report_image("calm", anomaly_map=np.full((8, 8), 0.9, np.float32))
    loud = report_image("loud", anomaly_map=np.full((8, 8), 4.9, np.float32))
    page = Page(render(replace(BARE, suspects=(loud, calm))))
    maps = {
        i["alt"].split()[3].strip(";"): decoded(i)
        for i in page.images
        if i["alt"].startswith("anomaly map of")
    }
    assert maps["calm"][20, 30].max() < 10
    assert maps["loud"][20, 30].max() > 200


def test_thumbnails_shrink_pixels_mask_and_box_together_and_keep_a_thin_crack() -> None:
    mask = np.zeros((1000, 2000), bool)
    mask[:, 777] = True
    image = report_image(
        pixels=np.zeros((1000, 2000, 3), np.uint8), mask=mask, box=(100.0, 50.0, 1900.0, 950.0)
    ).thumbnail()
    assert image.pixels.shape == (160, 320, 3)
    assert image.mask.shape == (160, 320)
    assert image.mask[:, 124].all()
    assert image.mask.sum() == 160
    assert image.box == pytest.approx((16.0, 8.0, 304.0, 152.0))


def test_a_small_image_is_not_enlarged() -> None:
    assert report_image().thumbnail().pixels.shape == (40, 60, 3)


def test_twenty_suspects_and_twelve_test_images_stay_under_five_megabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Rough as a cast surface: smooth shading and grain that a codec cannot save.
    grain = rng.normal(0, 12, (480, 640, 3)) + 60 * np.sin(np.arange(640) / 90)[None, :, None] + 128
    large = report_image(
        pixels=np.clip(grain, 0, 255).astype(np.uint8),
        anomaly_map=rng.random((56, 56), np.float32) * 6,
        box=(40.0, 30.0, 600.0, 450.0),
        mask=rng.random((480, 640)) < 0.01,
    )
    target = tmp_path / "report.html"
    write_report(replace(FULL, suspects=(large,) * 20, worst=(large,) * 6, best=(large,) * 6), target)
    assert target.stat().st_size < 5e6


def test_the_same_report_is_the_same_page() -> None:
    assert render(FULL) == full_report()


def test_a_report_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PatchSieveError, match="cannot write"):
        write_report(BARE, tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
