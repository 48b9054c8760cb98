"""Every page: for screen readers, keyboards, weak eyes and fingers, in both themes, on a desk and on a tablet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
OF_A_LINE = ("inspect", "wall", "review", "versions", "threshold")
PAGES = (*OF_A_LINE, "overview", "history", "inspection", "people", "audit", "me", "error")


@pytest.fixture(scope="module")
def addresses(
    station: Any, part: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The address of each page, with something on it."""
    image = tmp_path_factory.mktemp("everyone") / "everyone.png"
    part(600, defective=True).image.save(image)
    found = station.predict(image)
    own = {page: f"/{page}/line7" for page in OF_A_LINE}
    return own | {
        "overview": "/",
        "history": "/history",
        "people": "/people",
        "audit": "/audit",
        "me": "/me",
        "inspection": f"/inspections/{found['id']}",
        "error": "/inspections/nothing",
    }


@pytest.mark.parametrize("name", PAGES)
def test_nobody_stumbles(page: Page, addresses: dict[str, str], watch: Any, name: str) -> None:
    if name == "error":
        watch.expected.append("404")
    page.goto(addresses[name], wait_until="load")
    if name == "inspect":
        # The page is not judged empty.
        page.set_input_files(
            "input[name=image]", {"name": "a.png", "mimeType": "image/png", "buffer": _png()}
        )
        expect(page.locator("#inspection")).to_be_visible()
    if name == "wall":
        expect(page.locator("[data-connection]")).to_have_text("Live")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in (1280, 768):
            page.set_viewport_size({"width": width, "height": 1024})
            assert page.evaluate(AUDIT) == [], (theme, width)


def _png() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", PAGES)
def test_the_focus_goes_everywhere_and_is_seen(
    page: Page, addresses: dict[str, str], watch: Any, name: str
) -> None:
    if name == "error":
        watch.expected.append("404")
    page.goto(addresses[name], wait_until="load")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    places = []
    for _ in range(12):
        page.keyboard.press("Tab")
        place = page.evaluate(
            """() => {
              const element = document.activeElement, style = getComputedStyle(element);
              return [element.outerHTML, style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        assert place[1] != "none", place
        assert place[2] >= 2, place
        places.append(place[0])
    assert len(set(places)) > 8


def test_the_header_is_one_row_for_whoever_has_logged_in(page: Page) -> None:
    # A desk's 1280 pixels, less the scroll bar.
    page.set_viewport_size({"width": 1265, "height": 800})
    page.goto("/")
    person = '<a class="button plain" href="/me"><span class="person">maximiliane.hohenstein</span></a>'
    tools = f'{person}<form><button class="plain">Log out</button></form>'
    page.evaluate("html => document.querySelector('.tools').insertAdjacentHTML('afterbegin', html)", tools)
    assert page.evaluate("() => document.querySelector('.top').offsetHeight") < 60


def test_the_theme_is_switched_and_stays(page: Page) -> None:
    page.goto("/history")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/versions/line7")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) == light


def test_the_keys_are_listed_and_can_be_turned_off(page: Page) -> None:
    page.goto("/review/castings", wait_until="load")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keys on this page")
    expect(listed).to_contain_text("Drop: it is defective")
    listed.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    title = page.locator("#suspect h2")
    before = title.inner_text()
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    expect(title).to_have_text(before)
    page.get_by_role("button", name="Keys").click()
    listed.get_by_role("checkbox").check()
    listed.get_by_role("button", name="Close").click()
    page.keyboard.press("n")
    expect(title).not_to_have_text(before)


def test_what_names_say_is_text_and_never_markup(
    page: Page, part: Callable[..., Any], tmp_path: Path
) -> None:
    """A file's name comes from anybody."""
    name = "<img src=x onerror=alert(1)>.png"
    path = tmp_path / name
    part(610).image.save(path)
    page.goto("/inspect/line7")
    page.set_input_files("input[name=image]", path)
    expect(page.locator("#results > [data-verdict] .name")).to_have_text(name)
    expect(page.locator("#inspection h2")).to_have_text(name)
    page.goto("/wall/line7")
    expect(page.locator(".sign")).to_contain_text(name)
    page.goto("/history?text=onerror")
    expect(page.locator(".found tbody th")).to_have_text(name)


def test_less_motion_is_no_motion(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context(reduced_motion="reduce").new_page()
    page.goto("/wall/line7", wait_until="load")
    assert page.evaluate("() => document.getAnimations().length") == 0


def test_the_audit_sees_what_it_looks_for(page: Page, watch: Any) -> None:
    watch.expected.append("404")
    page.goto("/history")
    page.evaluate(
        """() => {
          const main = document.querySelector("main");
          const wrong = '<h4>x</h4><img src="/static/none"><button class="small"></button><p class="pale">faint</p>';
          main.insertAdjacentHTML("beforeend", wrong);
          main.querySelector(".small").style.cssText = "min-height: 20px; height: 20px";
          main.querySelector(".pale").style.color = "#aaaaaa";
          main.querySelector(".pale").style.backgroundColor = "#ffffff";
        }"""
    )
    found = "\n".join(page.evaluate(AUDIT))
    for part_of in (
        "level of headings",
        "picture without words",
        "without a name",
        "too small",
        "contrast 2.3",
    ):
        assert part_of in found
