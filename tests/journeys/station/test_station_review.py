"""Training data: suspects are kept or dropped by keys, learnt anew from, and the line is switched and rolled back."""

import pytest
from playwright.sync_api import Locator, Page, expect

LINE = "castings"


def tally(page: Page) -> Locator:
    return page.locator(".tally")


def title(page: Page) -> Locator:
    return page.locator("#suspect h2")


def test_suspects_are_judged_by_keys_and_taken_back(page: Page) -> None:
    page.goto(f"/review/{LINE}")
    page.wait_for_load_state("load")
    first = title(page).inner_text()
    total = page.locator(".ranks li").count()
    assert first.startswith("1. part_2")  # 24 to 27 are the defective ones
    for picture in page.locator("#suspect img").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    assert page.locator(".evidence img").count() >= 2

    page.keyboard.press("d")
    expect(tally(page)).to_have_text(f"{total - 1} open, 0 kept, 1 dropped")
    expect(title(page)).not_to_have_text(first)
    page.keyboard.press("k")
    expect(tally(page)).to_have_text(f"{total - 2} open, 1 kept, 1 dropped")
    page.keyboard.press("u")
    expect(tally(page)).to_have_text(f"{total - 1} open, 0 kept, 1 dropped")
    page.keyboard.press("u")
    expect(tally(page)).to_have_text(f"{total} open, 0 kept, 0 dropped")
    expect(title(page)).to_have_text(first)
    expect(page.get_by_role("button", name="Learn anew")).to_be_disabled()

    page.keyboard.press("n")
    expect(title(page)).to_contain_text("2. ")
    page.keyboard.press("p")
    expect(title(page)).to_have_text(first)
    # The address leads back to the image that is looked at.
    page.locator(".ranks a").nth(3).click()
    expect(title(page)).to_contain_text("4. ")
    page.reload()
    expect(title(page)).to_contain_text("4. ")


@pytest.mark.slow
def test_from_a_dropped_suspect_to_another_version_and_back(page: Page) -> None:
    page.goto(f"/review/{LINE}")
    page.wait_for_load_state("load")
    dropped = []
    for _ in range(2):
        dropped.append(title(page).inner_text().partition(" ")[2])
        page.keyboard.press("d")
        expect(tally(page)).to_contain_text(f"{len(dropped)} dropped")
    learn = page.get_by_role("button", name="Learn anew")
    expect(learn).to_be_enabled()
    learn.click()
    expect(page.locator("#job progress")).to_be_visible()
    page.locator("#job").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("was cancelled")).to_be_visible()

    page.get_by_role("button", name="Learn anew").click()
    switch = page.get_by_role("button", name="Switch to version 2")
    expect(switch).to_be_visible(timeout=180_000)
    compared = page.locator("table.compare")
    expect(compared.get_by_role("row", name="Training images")).to_contain_text("28")
    expect(compared.get_by_role("row", name="Training images")).to_contain_text("26")
    for name in dropped:
        expect(page.locator(".changes")).to_contain_text(name)
    # Until somebody switches, nothing has changed for the line.
    expect(page.locator(".head")).to_contain_text("version 1")

    switch.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Versions")
    expect(page.locator("tr.active th")).to_contain_text("2")
    page.goto(f"/inspect/{LINE}")
    expect(page.locator(".head")).to_contain_text("version 2")
    page.goto(f"/versions/{LINE}")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.locator("tr.active th")).to_contain_text("1")
    page.get_by_role("button", name="Switch to version 2").click()
    expect(page.locator("tr.active th")).to_contain_text("2")
    switched = page.get_by_role("region", name="Who switched when").locator("tbody tr td:nth-child(2)")
    assert switched.all_inner_texts() == [f"version {number}" for number in (2, 1, 2, 1)]
