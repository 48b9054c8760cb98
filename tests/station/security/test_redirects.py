import string
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.station.security import safe_next

BASE = "https://station.example/login"


def as_a_browser_reads_it(address: str) -> str:
    """What the WHATWG URL standard does before it parses: strip, drop tabs and line ends, turn backslashes."""
    stripped = address.strip("".join(map(chr, range(0x21))))
    return stripped.translate(str.maketrans({"\t": None, "\n": None, "\r": None, "\\": "/"}))


@pytest.mark.parametrize(
    "wanted", ["/", "/history?verdict=defect&page=2", "/wall/line7", "/a%2F%2Fb", "/历史"]
)
def test_a_page_of_the_station_is_kept(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "history",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\x00",
        "/" + "a" * 3000,
        "/a b",
        "/line\r\nSet-Cookie: a=b",
    ],
)
def test_what_could_lead_away_is_not(wanted: str | None) -> None:
    assert safe_next(wanted, "/overview") == "/overview"


@given(st.text(alphabet=[*string.ascii_letters, *"/\\:@?#.%[]\t\n\r \x00", "。", "\uff0f"], max_size=30))
def test_no_browser_is_ever_sent_to_another_site(tail: str) -> None:
    for wanted in (tail, "/" + tail, "//" + tail, "/\\" + tail):
        went = safe_next(wanted)
        try:
            arrived = urlsplit(urljoin(BASE, as_a_browser_reads_it(went)))
        except ValueError:
            pytest.fail(f"{went!r} is no address")
        assert (arrived.scheme, arrived.netloc) == ("https", "station.example")
