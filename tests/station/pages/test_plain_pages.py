"""Pages as plain HTML, for browsers without scripts; and what they are sent that cannot be."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

PAGES = ("inspect", "wall", "review", "versions")


@pytest.mark.parametrize("page", [f"/{page}/line7" for page in PAGES] + ["/history"])
def test_a_page_loads_nothing_but_files_of_the_station(client: TestClient, page: str) -> None:
    from html.parser import HTMLParser

    inline: list[str] = []
    addresses: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            given = dict(attrs)
            inline.extend(name for name in given if name == "style" or name.startswith("on"))
            inline.extend([tag] if tag == "style" or (tag == "script" and "src" not in given) else [])
            addresses.extend(given[name] for name in ("src", "href", "action") if given.get(name))

    answer = client.get(page)
    assert answer.status_code == 200
    Reader().feed(answer.text)
    assert not inline
    assert len(addresses) > 10
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in addresses)
    for address in addresses:
        if address.startswith("/static/"):
            file = client.get(address)
            assert file.status_code == 200, address
            assert file.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_a_line_leads_to_the_first(client: TestClient, page: str) -> None:
    answer = client.get(f"/{page}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/{page}/line7"


@pytest.mark.parametrize(
    "address",
    [
        "/inspect/none",
        "/wall/none",
        "/wall/none/events",
        "/review/none",
        "/versions/none",
        "/inspections/none",
        "/x",
    ],
)
def test_what_is_not_there_is_a_page_for_people(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "To the overview" in answer.text


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/versions/line7/switch", {"number": "2"}),
        ("/versions/line7/switch", {"number": str(10**30)}),
        ("/versions/line7/roll-back", {}),
        ("/review/line7/mark", {"version": "1", "rank": "1", "name": "none.png", "verdict": "keep"}),
        ("/review/line7/mark", {"version": "1", "rank": "1", "name": "part_00.png", "verdict": "burn"}),
        ("/review/line7/refit", {}),
        ("/review/line7/cancel", {"job": "\0"}),
        ("/inspections/%00/judgement", {"verdict": "good"}),
        ("/inspections/none/judgement", {"verdict": "good"}),
    ],
)
def test_what_cannot_be_done_is_said_and_breaks_nothing(
    client: TestClient, address: str, form: dict[str, str]
) -> None:
    answer = client.post(address, data=form, follow_redirects=False)
    assert answer.status_code in (404, 409, 422)
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/review/line7?rank=0",
        "/review/line7?rank=99999",
        "/review/line7/1/99999/image",
        "/review/line7/9/1/map",
    ],
)
def test_a_rank_that_nobody_has_is_no_defect_of_the_station(client: TestClient, address: str) -> None:
    assert client.get(address).status_code in (200, 404, 422)


def test_a_broken_upload_is_refused_on_the_page_itself(client: TestClient) -> None:
    answer = client.post("/inspect/line7", files={"image": ("a.png", b"no image")})
    assert answer.status_code == 422
    assert "a.png" in answer.text
    assert '<form id="upload"' in answer.text
    assert client.post("/inspect/line7", files={"image": ("", b"")}).status_code == 422


def test_the_theme_is_drawn_by_the_server_so_that_nothing_flickers(client: TestClient) -> None:
    with_cookie = {"Cookie": "patchsieve-theme=dark"}
    assert 'data-theme="dark"' in client.get("/history", headers=with_cookie).text
    assert "data-theme=" not in client.get("/history").text.partition(">")[0]
    wrong = {"Cookie": 'patchsieve-theme="><script>'}
    assert "<script>" not in client.get("/history", headers=wrong).text
