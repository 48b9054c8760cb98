"""The threshold: moved by mouse, keys and field; what it would cost follows; saved, used, and told in the audit."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect


@pytest.fixture(scope="module")
def judged(station: Any, part: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some parts of the line are inspected and judged."""
    folder = tmp_path_factory.mktemp("judged")
    for number in range(6):
        image = folder / f"judged-{number}.png"
        part(700 + number, defective=number >= 4).image.save(image)
        found = station.predict(image)
        verdict = "defect" if number >= 4 else "good"
        answer = httpx.post(
            f"{station.url}/api/v1/inspections/{found['id']}/feedback", json={"verdict": verdict}, timeout=60
        )
        answer.raise_for_status()


def threshold_in(page: Page) -> float:
    return float(page.locator("input[name=at]").first.input_value())


@pytest.mark.usefixtures("judged")
def test_the_line_is_moved_by_keys_mouse_and_field(page: Page) -> None:
    page.goto("/threshold/line7")
    start = threshold_in(page)
    title = page.locator("#cost-title")
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowRight")
    by_keys = threshold_in(page)
    assert by_keys > start
    expect(title).to_contain_text(re.compile(rf"{re.escape(f'{by_keys:.4g}'[:4])}"))
    knob = page.locator("[data-handle]")
    box = knob.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 120, box["y"] + 60, steps=5)
    page.mouse.up()
    by_mouse = threshold_in(page)
    assert by_mouse > by_keys
    moved = knob.bounding_box()
    assert moved is not None
    assert moved["x"] == pytest.approx(box["x"] + 120, abs=3)
    field = page.locator("input[name=at]").first
    # So low that every good part is above it, and no defect below.
    field.fill("0.001")
    cost = page.locator("#cost")
    expect(cost.get_by_role("row").nth(1)).to_contain_text("100 %")
    expect(cost.get_by_role("row").nth(2)).to_contain_text("0 %")


@pytest.mark.usefixtures("judged")
def test_without_scripts_a_form_tells_the_same(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/threshold/line7")
    page.locator("input[name=at]").first.fill("0.001")
    page.get_by_role("button", name="What would it cost?").click()
    expect(page).to_have_url(re.compile(r"\?at=0\.001$"))
    expect(page.locator("#cost").get_by_role("row").nth(1)).to_contain_text("100 %")


@pytest.mark.usefixtures("judged")
def test_a_point_is_saved_used_and_removed_and_the_audit_tells(page: Page) -> None:
    page.goto("/threshold/line7")
    before = page.locator("tr", has=page.locator(".tag", has_text="in use")).first.locator("th").inner_text()
    page.locator("input[name=at]").first.fill("12.5")
    page.get_by_label("Name").fill("strict")
    page.get_by_role("button", name="Save").click()
    points = page.get_by_role("region", name="Operating points")
    expect(points.get_by_role("row", name="strict")).to_contain_text("12.5")
    page.get_by_role("button", name="Use strict").click()
    expect(points.get_by_role("row", name="strict")).to_contain_text("in use")
    page.get_by_role("button", name=f"Use {before.split()[0]}").click()
    page.get_by_role("button", name="Remove strict").click()
    expect(points.get_by_role("row", name="strict")).to_have_count(0)
    changes = page.get_by_role("region", name="Who changed what")
    expect(changes.get_by_role("row", name="strict").first).to_contain_text("this machine")
    page.goto("/audit")
    for change in ("changed", "used", "removed"):
        expect(page.get_by_role("cell", name=f"operating point {change}").first).to_be_visible()


def test_a_goal_that_the_history_cannot_answer_is_refused_in_words(page: Page, watch: Any) -> None:
    watch.expected.append("409")
    page.goto("/threshold/castings")
    page.locator("select[name=goal]").select_option("recall")
    page.locator("input[name=value]").fill("95")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("judge inspections of both kinds first")


@pytest.mark.usefixtures("judged")
def test_the_overview_counts_what_was_inspected(page: Page) -> None:
    page.goto("/")
    line = page.get_by_role("region", name="line7")
    inspected = int(line.locator("dd").first.inner_text().replace(",", ""))
    assert inspected >= 6
    page.get_by_role("link", name="1 hour").click()
    assert int(line.locator("dd").first.inner_text().replace(",", "")) == inspected
    page.get_by_text("As a table").click()
    cells = page.locator("details table tbody tr td:nth-of-type(1)")
    assert sum(int(text.replace(",", "")) for text in cells.all_inner_texts()) >= inspected
    page.get_by_role("link", name="line7").first.click()
    expect(page.get_by_role("heading", name="Throughput of line7")).to_be_visible()
