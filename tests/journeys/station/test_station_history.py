"""The history is filtered, sorted, turned over and exported."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def seen(station: Any, part: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Four inspections of line7 whose names begin with history_."""
    folder = tmp_path_factory.mktemp("history")
    found = []
    for place in range(4):
        path = folder / f"history_{place}.png"
        part(500 + place, defective=place % 2 == 1).image.save(path)
        found.append(station.predict(path))
    return found


def names(page: Page) -> list[str]:
    return page.locator(".found tbody th").all_inner_texts()


def test_filters_leave_what_fits_and_the_score_sorts(page: Page, seen: list[Any]) -> None:
    page.goto("/history")
    page.get_by_label("Name contains").fill("HISTORY_")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("status")).to_have_text("4 inspections")
    assert names(page) == [f"history_{place}.png" for place in (3, 2, 1, 0)]

    page.get_by_role("link", name="Score").click()
    expect(page.locator("[aria-sort=descending]")).to_contain_text("Score")
    falling = sorted(seen, key=lambda one: -one["score"])
    assert names(page) == [one["image_name"] for one in falling]
    page.get_by_role("link", name="Score").click()
    expect(page.locator("[aria-sort=ascending]")).to_contain_text("Score")
    assert names(page) == [one["image_name"] for one in reversed(falling)]

    page.get_by_label("Verdict").select_option("defect")
    page.get_by_role("button", name="Filter").click()
    wanted = [one["image_name"] for one in reversed(falling) if one["verdict"] == "defect"]
    expect(page.get_by_role("status")).to_contain_text(f"{len(wanted)} inspection")
    assert names(page) == wanted
    page.get_by_label("From", exact=True).fill("2100-01-01")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No inspection fits.")).to_be_visible()


def test_the_exports_hold_what_the_page_has_found(page: Page, seen: list[Any]) -> None:
    page.goto("/history?text=history_&sort=score")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == [one["id"] for one in sorted(seen, key=lambda one: -one["score"])]
    with page.expect_download() as download:
        page.get_by_role("link", name="Export Parquet").click()
    from pyarrow import parquet

    table = parquet.read_table(download.value.path())
    assert table["id"].to_pylist() == [row["id"] for row in rows]
    assert table["score"].to_pylist() == pytest.approx([float(row["score"]) for row in rows])


def test_what_people_say_is_found_again(page: Page, seen: list[Any]) -> None:
    page.goto("/history?text=history_0")
    page.get_by_role("link", name="history_0.png").click()
    page.wait_for_load_state("load")
    expect(page.get_by_role("heading", level=1)).to_have_text("history_0.png")
    page.get_by_label("Note").fill("a reflection <b>only</b>")
    page.locator("#judgement").get_by_role("button", name="Defect").click()
    expect(page.locator("#judgement")).to_have_attribute("data-human", "defect")
    page.reload()
    expect(page.locator(".log")).to_contain_text("a reflection <b>only</b>")
    page.goto("/history?text=history_&human=corrected")
    assert names(page) == (["history_0.png"] if seen[0]["verdict"] == "good" else [])
    page.goto("/history?text=history_&human=defect")
    assert names(page) == ["history_0.png"]


def test_pages_turn_by_keys_and_each_inspection_is_on_one(
    page: Page, station: Any, part: Callable[..., Any], tmp_path: Path
) -> None:
    image = tmp_path / "turned.png"
    part(510).image.save(image)
    station.predict_many([image] * 53, line="castings")
    page.goto("/history?text=turned&sort=score&descending=0")
    expect(page.get_by_role("status")).to_have_text("53 inspections")
    links = page.locator(".found tbody th a")
    addresses = "links => links.map(link => link.href)"
    first = links.evaluate_all(addresses)
    page.keyboard.press("n")
    expect(links).to_have_count(3)
    assert len(first) == 50
    assert len({*first, *links.evaluate_all(addresses)}) == 53
    for key in "pnf":
        page.wait_for_load_state("load")
        page.keyboard.press(key)
        expect(links).to_have_count(3 if key == "n" else 50)
        if key != "n":
            assert links.evaluate_all(addresses) == first
        expect(page.get_by_label("Name contains")).to_have_value("turned")


@pytest.mark.parametrize("query", ["verdict=perhaps", "low=much", "since=yesterday", "cursor=nonsense"])
def test_a_query_that_cannot_be_is_answered_in_words(page: Page, watch: Any, query: str) -> None:
    # Chromium says of a field that it has been sent what it cannot show.
    watch.expected += ["422", "The specified value"]
    answer = page.goto(f"/history?{query}")
    assert answer is not None
    assert answer.status == 422
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_role("heading", level=1)).to_have_text("History")
