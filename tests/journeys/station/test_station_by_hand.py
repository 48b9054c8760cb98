"""What hands do: two fingers on the picture, and files and folders that are dropped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

Point = tuple[float, float]


@pytest.fixture(scope="module")
def tray(part: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image, another one in a folder in it, and a file that is none."""
    folder = tmp_path_factory.mktemp("dropped") / "tray"
    (folder / "inner").mkdir(parents=True)
    part(350).image.save(folder / "first.png")
    part(351, defective=True).image.save(folder / "inner" / "second.png")
    (folder / "inner" / "notes.txt").write_text("no image")
    return folder


def view(page: Page) -> list[float]:
    """Return what is seen of the picture: left, top, width, height."""
    return [float(each) for each in (page.locator(".stage > svg").get_attribute("viewBox") or "").split()]


def touch(session: CDPSession, kind: str, *fingers: Point) -> None:
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_two_fingers_zoom_where_they_are_and_one_moves_the_picture(
    new_context: Callable[..., BrowserContext], station: Any, tray: Path
) -> None:
    found = station.predict(tray / "first.png")
    page = new_context(viewport={"width": 768, "height": 1024}, has_touch=True).new_page()
    page.goto(f"/inspections/{found['id']}", wait_until="load")
    stage = page.locator(".stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    assert view(page) == [0, 0, 96, 96]

    # Upwards and downwards too: the page does not take the gesture for its own.
    touch(session, "touchStart", (x, y - 40), (x, y + 40))
    for step in range(1, 9):
        touch(session, "touchMove", (x, y - 40 - 10 * step), (x, y + 40 + 10 * step))
    touch(session, "touchEnd")
    expect(page.locator("[data-zoom-now]")).to_have_text("300 %")
    assert page.evaluate("() => [visualViewport.scale, scrollY]") == [1, 0]
    # The middle of the picture was between the fingers, and still is.
    left, top, width, height = view(page)
    assert (left + width / 2, top + height / 2) == pytest.approx((48, 48), abs=1)

    touch(session, "touchStart", (x, y))
    for step in range(1, 6):
        touch(session, "touchMove", (x + 10 * step, y + 10 * step))
    touch(session, "touchEnd")
    assert view(page)[0] < left
    assert view(page)[1] < top
    # A finger that stays while the other one leaves goes on moving it, and nothing jumps.
    touch(session, "touchStart", (x - 60, y), (x + 60, y))
    touch(session, "touchMove", (x - 20, y), (x + 20, y))
    before = view(page)
    session.send(
        "Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": [{"x": x - 20, "y": y, "id": 0}]}
    )
    touch(session, "touchMove", (x - 20, y))
    touch(session, "touchEnd")
    assert view(page) == pytest.approx(before, abs=1)
    assert before == [0, 0, 96, 96]


def test_the_page_scrolls_with_one_finger_while_all_of_the_picture_is_seen(
    new_context: Callable[..., BrowserContext], station: Any, tray: Path
) -> None:
    found = station.predict(tray / "first.png")
    page = new_context(viewport={"width": 768, "height": 600}, has_touch=True).new_page()
    page.goto(f"/inspections/{found['id']}", wait_until="load")
    box = page.locator(".stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    session = page.context.new_cdp_session(page)
    touch(session, "touchStart", (x, y))
    for step in range(1, 9):
        touch(session, "touchMove", (x, y - 20 * step))
    touch(session, "touchEnd")
    page.wait_for_function("() => scrollY > 50")
    assert view(page) == [0, 0, 96, 96]


def test_files_and_folders_are_dropped(
    page: Page, tray: Path, part: Callable[..., Any], tmp_path: Path
) -> None:
    alone = tmp_path / "alone.png"
    part(352).image.save(alone)
    page.goto("/inspect/line7", wait_until="load")
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tray), str(alone)], "dragOperationsMask": 1}

    def drag(kind: str, x: int, y: int) -> None:
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    over = page.locator(".drop.over")
    drag("dragEnter", 640, 700)
    expect(over).to_be_visible()
    # Over another element of the page it still is; out of the window it is not any more.
    drag("dragOver", 200, 300)
    expect(over).to_be_visible()
    drag("dragOver", 200, -5)
    expect(over).to_have_count(0)
    # Wherever it is dropped on the page.
    drag("dragEnter", 640, 700)
    drag("dragOver", 640, 700)
    drag("drop", 640, 700)
    results = page.locator("#results > [data-verdict]")
    expect(results).to_have_count(3)
    expect(over).to_have_count(0)
    names = sorted(results.locator(".name").all_text_contents())
    assert names == ["alone.png", "tray/first.png", "tray/inner/second.png"]
