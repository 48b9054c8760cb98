"""Inspecting: images go in by button, folder or plain form, and are looked at and judged by keys."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from patchsieve.detectors import SoftPatch

Parts = Callable[..., Any]


@pytest.fixture(scope="module")
def images(part: Parts, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two good and two defective parts, each in a format of its own; the third has outlined regions."""
    folder = tmp_path_factory.mktemp("images")
    endings = ("png", "jpg", "bmp", "tif")
    paths = []
    for place, ending in enumerate(endings):
        path = folder / f"seen_{place}.{ending}"
        part(300 + place, defective=place >= 2).image.save(path)
        paths.append(path)
    return paths


def results(page: Page) -> Locator:
    return page.locator("#results > [data-verdict]")


def upload(page: Page, *images: Path) -> None:
    before = results(page).count()
    page.set_input_files("input[name=image]", list(images))
    expect(results(page)).to_have_count(before + len(images))


def test_many_images_are_judged_as_the_model_judges_them(
    page: Page, images: list[Path], fitted: SoftPatch
) -> None:
    page.goto("/inspect/line7")
    upload(page, *images)
    expect(page.locator("[data-progress-words]")).to_have_text("4 of 4 done")
    # In the order in which they were given, with the first one looked at.
    assert results(page).locator(".name").all_text_contents() == [path.name for path in images]
    expect(page.locator("#inspection h2")).to_have_text(images[0].name)
    truth = fitted.predict(images)
    for place, verdict in enumerate(truth.verdicts):
        item = results(page).nth(place)
        expect(item).to_have_attribute("data-verdict", verdict)
        shown = item.locator("svg.scale").get_attribute("aria-label") or ""
        score = float(re.findall(r"[\d.]+", shown)[0])
        assert score == pytest.approx(float(truth.scores[place]), rel=1e-3)
    assert "defect" in truth.verdicts
    counts = {verdict: truth.verdicts.count(verdict) for verdict in ("good", "defect")}
    for verdict, count in counts.items():
        expect(page.locator(f"[data-count={verdict}]")).to_have_text(str(count))
    # Formats that browsers do not know are shown all the same.
    for photo in page.locator("#results img").all():
        photo.scroll_into_view_if_needed()
        expect(photo).to_have_js_property("complete", True)
        assert photo.evaluate("image => image.naturalWidth") > 0


def test_the_picture_is_looked_into_by_keys_mouse_and_buttons(page: Page, images: list[Path]) -> None:
    page.goto("/inspect/line7")
    upload(page, images[3])
    stage, drawing = page.locator(".stage"), page.locator(".stage > svg")
    expect(page.locator("#inspection h2")).to_have_text(images[3].name)
    loaded = "image => fetch(image.href.baseVal).then(r => r.headers.get('content-type'))"
    assert page.locator("image.photo").evaluate(loaded) == "image/png"  # a TIFF, made fit for browsers
    assert page.locator("image.overlay").evaluate(loaded) == "image/webp"
    assert page.locator(".outline.light").count() >= 1
    assert len(page.locator(".outline.light").first.get_attribute("d") or "") > 20

    stage.focus()
    page.keyboard.press("+")
    expect(page.locator("[data-zoom-now]")).to_have_text("200 %")
    expect(drawing).to_have_attribute("viewBox", "24 24 48 48")
    page.keyboard.press("ArrowLeft")
    left = float((drawing.get_attribute("viewBox") or "").split()[0])
    assert left < 24
    page.keyboard.press("-")
    expect(drawing).to_have_attribute("viewBox", "0 0 96 96")
    # The point under the wheel stays where it is: the upper left corner.
    box = drawing.bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    page.mouse.move(box["x"] + (box["width"] - side) / 2 + 1, box["y"] + (box["height"] - side) / 2 + 1)
    page.mouse.wheel(0, -600)
    x, y, width, _ = map(float, (drawing.get_attribute("viewBox") or "").split())
    assert (x, y) == pytest.approx((0, 0), abs=1)
    assert width == pytest.approx(24, rel=0.05)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.up()
    page.keyboard.press("0")
    expect(drawing).to_have_attribute("viewBox", "0 0 96 96")

    overlay, whole_map = page.locator("image.overlay"), page.locator("image.map")
    mix = page.locator("[data-mix]")
    mix.fill("100")
    expect(whole_map).to_have_attribute("opacity", "1")
    assert whole_map.evaluate(loaded) == "image/webp"
    mix.fill("25")
    expect(overlay).to_have_attribute("opacity", "0.5")
    page.keyboard.press("b")
    expect(overlay).to_have_attribute("opacity", "0")
    page.keyboard.press("b")
    expect(overlay).to_have_attribute("opacity", "0.5")
    page.keyboard.press("o")
    expect(page.locator(".outlines")).to_have_attribute("visibility", "hidden")

    page.get_by_role("button", name="Show 1").click()
    expect(page.locator(".outline.chosen")).to_have_attribute("data-region", "1")


def test_verdicts_are_confirmed_and_corrected_by_keys_and_taken_back(page: Page, images: list[Path]) -> None:
    page.goto("/inspect/line7")
    upload(page, *images[:3])
    title, said = page.locator("#inspection h2"), page.locator("#judgement .human")
    expect(title).to_have_text(images[0].name)
    page.keyboard.press("n")
    expect(title).to_have_text(images[1].name)
    page.keyboard.press("p")
    expect(title).to_have_text(images[0].name)
    page.keyboard.press("d")
    expect(said).to_contain_text("Defect")
    expect(page.locator("#results [aria-current] .said")).to_contain_text("Defect")
    page.keyboard.press("g")
    expect(said).to_contain_text("Good")
    page.keyboard.press("u")
    expect(said).to_contain_text("Defect")
    # A key in a field is a letter.
    page.get_by_label("Note").fill("")
    page.get_by_label("Note").press_sequentially("dug")
    expect(said).to_contain_text("Defect")
    expect(title).to_have_text(images[0].name)

    page.get_by_role("link", name="all about it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(images[0].name)
    assert page.locator(".log li").count() == 3
    # And the same without a mouse, on the page of the inspection itself.
    page.wait_for_load_state("load")
    page.keyboard.press("g")
    expect(page.locator("#judgement")).to_have_attribute("data-human", "good")


def test_what_is_no_image_is_named_and_the_others_go_on(
    page: Page, images: list[Path], tmp_path: Path, watch: Any
) -> None:
    watch.expected.append("422")
    broken = tmp_path / "broken.png"
    broken.write_bytes(images[0].read_bytes()[:200])
    page.goto("/inspect/line7")
    page.set_input_files("input[name=image]", [broken, images[0]])
    expect(results(page)).to_have_count(1)
    failed = page.locator("#results > .failed")
    expect(failed).to_contain_text("broken.png")
    expect(page.locator("[data-progress-words]")).to_have_text("1 of 2 done, 1 failed")
    assert len(failed.locator(".state").text_content() or "") > 10
    expect(failed.get_by_role("button", name="Try again")).to_be_visible()


def test_a_folder_goes_in_with_the_paths_as_names(page: Page, images: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "tray"
    (folder / "inner").mkdir(parents=True)
    (folder / "notes.txt").write_text("no image")
    for path in images[:2]:
        (folder / "inner" / path.name).write_bytes(path.read_bytes())
    page.goto("/inspect/line7")
    page.set_input_files("input[data-folder]", folder)
    expect(results(page)).to_have_count(2)
    names = set(results(page).locator(".name").all_text_contents())
    assert names == {f"tray/inner/{path.name}" for path in images[:2]}


def test_a_busy_station_and_a_lost_answer_inspect_nothing_twice(
    page: Page, images: list[Path], tmp_path: Path, station: Any, watch: Any
) -> None:
    watch.expected += ["429", "ERR_FAILED"]
    image = tmp_path / "asked_again.png"
    Image.open(images[0]).rotate(90).save(image)
    keys = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, body="")
        elif len(keys) == 2:
            # The station has inspected it; its answer is lost on the way.
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/inspect/line7", answer)
    page.goto("/inspect/line7")
    upload(page, image)
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert station.inspections(text="asked_again") == ["asked_again.png"]


def test_what_waits_can_be_cancelled_and_sent_again(page: Page, images: list[Path], watch: Any) -> None:
    watch.expected.append("429")
    busy = True

    def answer(route: Route) -> None:
        if busy and route.request.method == "POST":
            route.fulfill(status=429, headers={"Retry-After": "60"}, body="")
        else:
            route.continue_()

    page.route("**/inspect/line7", answer)
    page.goto("/inspect/line7")
    page.set_input_files("input[name=image]", images)
    expect(page.locator(".state", has_text="busy")).to_have_count(4)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".failed .state", has_text="Cancelled")).to_have_count(4)
    busy = False
    page.get_by_role("button", name="Try again").last.click()
    expect(results(page)).to_have_count(1)


def test_a_plain_form_does_it_without_scripts(
    new_context: Callable[..., BrowserContext], images: list[Path]
) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/inspect/line7")
    page.set_input_files("input[name=image]", images[3])
    page.locator("#upload").get_by_role("button", name="Inspect").click()
    expect(page.locator("#inspection .verdict.big")).to_have_text("Defect")
    expect(page.locator("image.photo")).to_be_visible()
    page.locator("#judgement").get_by_role("button", name="Good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(images[3].name)
    expect(page.locator("#judgement")).to_have_attribute("data-human", "good")
