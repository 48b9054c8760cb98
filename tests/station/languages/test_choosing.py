import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from patchsieve.station.languages import LANGUAGE_COOKIE, LANGUAGES, language_of


def asked(header: str | None = None, cookie: str | None = None, otherwise: str = "en") -> str:
    headers = []
    if header is not None:
        headers.append((b"accept-language", header.encode("latin-1")))
    if cookie is not None:
        headers.append((b"cookie", f"{LANGUAGE_COOKIE}={cookie}".encode()))
    return language_of(HTTPConnection({"type": "http", "headers": headers}), otherwise).code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de-DE,de;q=0.9,zh-TW;q=0.5,en;q=0.4", "zh"),
        ("ZH", "zh"),
        ("en;q=0, zh;q=0.1", "zh"),
        ("zh;q=oops, en;q=0.1", "en"),
        ("zh;q=nan", "en"),
        ("de, fr;q=0.5", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_browser_says_what_its_user_reads(header: str | None, code: str) -> None:
    assert asked(header) == code


def test_what_was_chosen_in_the_page_counts_more() -> None:
    assert asked("en", cookie="zh") == "zh"
    assert asked("zh", cookie="en") == "en"
    assert asked("zh", cookie="xx") == "zh"


def test_the_stations_language_is_for_those_who_ask_for_none() -> None:
    assert asked(otherwise="zh") == "zh"
    assert asked("en", otherwise="zh") == "en"


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=60))
def test_no_header_is_too_strange(header: str) -> None:
    assert asked(header) in LANGUAGES
