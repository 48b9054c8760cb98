"""The wall follows the line by itself, and says when it does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect


def test_the_wall_shows_each_part_at_once_and_counts(
    page: Page, station: Any, part: Callable[..., Any], tmp_path: Path
) -> None:
    good, defect = tmp_path / "wall_good.png", tmp_path / "wall_defect.png"
    part(400).image.save(good)
    part(401, defective=True).image.save(defect)
    station.predict(good, line="castings")
    page.goto("/wall/castings")
    sign = page.locator(".sign")
    expect(page.locator("[data-connection]")).to_have_text("Live")
    expect(sign).to_contain_text("wall_good.png")
    before = int(page.locator(".counts .defect dd").inner_text())

    # Nobody touches the page from here on.
    expect(sign.locator("strong")).to_have_text("Good")
    assert station.predict(defect, line="castings")["verdict"] == "defect"
    expect(sign.locator("strong")).to_have_text("Defect")
    expect(page.locator(".counts .defect dd")).to_have_text(str(before + 1))
    expect(page.locator(".strip li").first).to_contain_text("Defect")
    shown = page.locator(".sight img")
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("image => image.naturalWidth") == 96
    # Large enough for three metres: 4 mm of a letter's height for each.
    assert sign.locator("strong").evaluate("text => parseFloat(getComputedStyle(text).fontSize)") > 64

    # Another line's parts are not this wall's.
    station.predict(good, line="line7")
    page.wait_for_timeout(500)
    expect(sign.locator("strong")).to_have_text("Defect")


def test_a_wall_that_is_cut_off_says_so_and_comes_back(
    page: Page, station: Any, part: Callable[..., Any], tmp_path: Path, watch: Any
) -> None:
    watch.expected.append("ERR_INTERNET_DISCONNECTED")
    image = tmp_path / "wall_missed.png"
    part(402, defective=True).image.save(image)
    page.goto("/wall/line7")
    sign = page.locator("[data-connection]")
    expect(sign).to_have_text("Live")
    page.context.set_offline(True)
    expect(sign).to_contain_text("Not connected since")
    station.predict(image)
    page.context.set_offline(False)
    expect(sign).to_have_text("Live")
    expect(page.locator(".sign")).to_contain_text("wall_missed.png")
