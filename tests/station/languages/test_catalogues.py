"""Every sentence of the templates and the code is in every catalogue, whole, and nothing else is."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import patchsieve.station
from patchsieve.station.languages import LANGUAGES

STATION = Path(patchsieve.station.__file__).parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
# newstyle: as the templates' environment has it.
OPTIONS = {"**/templates/**.html": {"trimmed": "false", "silent": "false", "newstyle_gettext": "true"}}
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "ngettext": (1, 2), "said": None, "form": None}
PLACE = re.compile(r"%\((\w+)\)s")

Message = str | tuple[str, str]


def messages() -> Iterator[tuple[str, Message]]:
    """Yield where each sentence stands, and the sentence."""
    found = extract_from_dir(STATION, METHODS, OPTIONS, KEYWORDS)
    for file, line, message, _, _ in found:
        yield f"{file}:{line}", message


def catalogue_of(code: str) -> Catalog:
    with files("patchsieve.station.languages").joinpath(f"{code}.po").open("rb") as stream:
        return read_po(stream, locale=code)


@pytest.fixture(params=sorted(set(LANGUAGES) - {"en"}))
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    """The catalogue of each language but English, which is what is translated."""
    return catalogue_of(request.param)


def test_every_sentence_is_translated(catalogue: Catalog) -> None:
    missing = {}
    for place, message in messages():
        known = catalogue.get(message if isinstance(message, str) else message[0])
        if (
            known is None
            or known.fuzzy
            or not all([known.string] if isinstance(known.string, str) else known.string)
        ):
            missing[message] = place
    assert not missing, "add to the catalogue:\n" + "\n".join(
        f"{place}  {text!r}" for text, place in missing.items()
    )


def test_no_translation_is_left_of_what_is_not_said_any_more(catalogue: Catalog) -> None:
    said = {message if isinstance(message, str) else message[0] for _, message in messages()}
    assert {
        message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id
    } <= said


def test_translations_have_the_values_of_their_sentences(catalogue: Catalog) -> None:
    for message in catalogue:
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = set(PLACE.findall(ids[-1]))
        for text in strings:
            if message.id:
                assert set(PLACE.findall(text)) == wanted, message.id
                # A lone percent sign would end the page with an error.
                assert "%" not in text.replace("%%", "").replace("%(", "") or not wanted, message.id
                text % dict.fromkeys(wanted, "x")


def test_the_extraction_sees_what_it_looks_for() -> None:
    found = {message for _, message in messages()}
    assert "Skip to the content" in found
    assert "there is no user %(name)s" in found
    assert any(isinstance(message, tuple) for message in found)
