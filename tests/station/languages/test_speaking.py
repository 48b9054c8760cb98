import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import numpy as np
import pytest

from patchsieve.decisions import OperatingPoint, Purpose, labelled_threshold
from patchsieve.errors import BrokenImageError
from patchsieve.evaluation.drift.findings import Finding
from patchsieve.evaluation.drift.words import _CAUSES, _UNKNOWN, _UNMEASURED, _change
from patchsieve.images import STATISTICS, Statistic, decode
from patchsieve.station.errors import Invalid
from patchsieve.station.languages import LANGUAGES, heard, said, speak_in, translated

ENGLISH, CHINESE = LANGUAGES["en"], LANGUAGES["zh"]


@pytest.fixture
def environment() -> jinja2.Environment:
    """Templates with a macro, which sees nothing of what the template is rendered with."""
    macros = "{% macro greet(role) %}{{ translated(role) }} {{ number(12345.6) }}{% endmacro %}"
    page = "{% import 'macros' as m %}{{ language().tag }}: {{ m.greet(role) }}"
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"macros": macros, "page": page, "plain": "{{ _('%(n)s < 3', n=n) }}"}),
        autoescape=True,
    )
    speak_in(environment)
    return environment


def test_a_page_is_in_the_language_that_is_spoken(environment: jinja2.Environment) -> None:
    page = environment.get_template("page")
    with CHINESE.spoken():
        assert page.render(role=said("operator")) == "zh-Hans: 操作员 12,346"
        with ENGLISH.spoken():
            assert page.render(role=said("operator")) == "en: operator 12,346"
        assert page.render(role=said("operator")) == "zh-Hans: 操作员 12,346"
    assert page.render(role=said("operator")).startswith("en")


def test_values_are_escaped_and_texts_are_not(environment: jinja2.Environment) -> None:
    assert environment.get_template("plain").render(n="<b>") == "&lt;b&gt; < 3"


def test_an_error_is_english_for_programs_and_the_readers_language_on_pages() -> None:
    sentence = said(
        "this is for the role %(wanted)s, and %(name)s has the role %(role)s",
        wanted=said("engineer"),
        name="王芳 100 %",
        role=said("viewer"),
    )
    error = Invalid(sentence)
    english = "this is for the role engineer, and 王芳 100 % has the role viewer"
    assert f"{error}" == english
    assert json.loads(json.dumps(str(error))) == english
    with CHINESE.spoken():
        for what in (error, str(error), sentence):
            assert translated(what) == "此操作需要工程师角色，而王芳 100 %的角色是浏览者"  # noqa: RUF001 - Chinese has its own comma
    assert translated(error) == english


def test_what_was_not_said_stays_as_it_is() -> None:
    with CHINESE.spoken():
        assert translated("100 % of x") == "100 % of x"
        assert translated("") == ""
        assert translated(Invalid()) == ""


def test_numbers_and_times_are_written_as_people_there_do() -> None:
    at = datetime(2026, 3, 7, 14, 5, 9, tzinfo=UTC).astimezone()
    clock = f"{at:%H:%M:%S}"
    assert ENGLISH.moment(at) == f"{at.day} Mar 2026, {clock}"
    assert CHINESE.moment(at) == f"2026年3月{at.day}日 {clock}"
    assert (CHINESE.day(at), ENGLISH.clock(at)) == (f"2026年3月{at.day}日", clock[:5])
    assert [ENGLISH.number(value) for value in (28.126, 0.0, 4.0, 0.012345, 1234.56, 1.5e6, -3.25)] == [
        "28.13",
        "0",
        "4",
        "0.01235",
        "1235",
        "1,500,000",
        "-3.25",
    ]
    assert [CHINESE.number(value) for value in (float("nan"), float("inf"), 1e-9)] == ["nan", "inf", "1e-09"]
    assert [ENGLISH.percent(share) for share in (0, 0.01234, 0.5, 1)] == ["0 %", "1.23 %", "50 %", "100 %"]
    assert [ENGLISH.size(count) for count in (999, 1000, 12_345_678, 3 * 10**12)] == [
        "999 byte",
        "1 kB",
        "12.3 MB",
        "3 TB",
    ]


def chinese(text: str) -> str:
    with CHINESE.spoken():
        return translated(text)


def test_what_a_model_knows_of_its_points_is_said_in_chinese() -> None:
    """The sentences that rooms above the station make today have the forms by which they are known."""
    scores = np.random.default_rng(0).gamma(9, 1, 40)
    few = OperatingPoint.for_false_alarms("few", scores, 0.01)
    clean = OperatingPoint.for_false_alarms("clean", scores, 0.2, clean=True)
    dirty = OperatingPoint.for_false_alarms("dirty", np.concatenate([scores, [90, 95, 99]]), 0.1)
    labels = np.repeat([False, True], [30, 10])
    purpose = Purpose("f1")
    judged = OperatingPoint.for_purpose(
        "judged", purpose, labelled_threshold(labels, labels + scores / 99, purpose)
    )
    given = OperatingPoint.at("given", 1.5)
    sentences = [*few.words, *clean.words, *dirty.words, judged.words[0], *given.words]
    assert len(sentences) == 3 + 2 + 2 + 1 + 1
    for sentence in sentences:
        said_so = chinese(sentence)
        assert not re.search("[a-z]", said_so), said_so
        assert sorted(re.findall(r"[\d.]+", said_so)) == sorted(
            re.findall(r"[\d.]+", sentence.replace(". ", " "))
        )
        assert translated(sentence) == sentence


def test_causes_of_drift_are_said_in_chinese() -> None:
    for cause in {*_CAUSES.values(), _UNKNOWN, _UNMEASURED}:
        assert not re.search("[a-z]", chinese(cause)), cause


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.name)
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_every_change_of_an_image_is_said_in_chinese(statistic: Statistic, direction: str) -> None:
    change = 0.125 if direction == "higher" else -0.125
    sentence = _change(Finding(statistic.name, direction, 0.001, 0.001, 0.9, change=change))
    assert not re.search("[a-z]", chinese(sentence)), sentence
    assert re.findall(r"[\d.]+", chinese(sentence)) == re.findall(r"[\d.]+", sentence)


@pytest.mark.parametrize(
    "purpose",
    [
        Purpose("recall", target=0.95),
        Purpose("precision", target=0.9),
        Purpose("youden"),
        Purpose("cost", miss=50, prevalence=0.01),
        Purpose("profile", profile="final"),
        Purpose("profile", profile="critical"),
    ],
    ids=lambda purpose: purpose.rule,
)
def test_what_a_threshold_is_for_and_what_speaks_against_it_is_said_in_chinese(purpose: Purpose) -> None:
    # Scores that tell nothing: no purpose is reached.
    found = labelled_threshold([0, 0, 1, 1, 0], [1, 2, 1, 2, 3], purpose)
    point = OperatingPoint.for_purpose("point", purpose, found)
    for sentence in (point.rule, *point.words):
        words = re.sub(r"F1|final|critical|\de\+\d+", "", chinese(sentence))
        assert not re.search("[a-z]", words), sentence


@pytest.mark.parametrize("data", [b"", b"text", b"\x00\x01", b"\x89PNG\r\n\x1a\n\x00\x00"], ids=repr)
def test_why_a_file_is_no_image_is_said_in_chinese(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(data)
    with pytest.raises(BrokenImageError) as broken:
        decode(file)
    # What stands in brackets are names of formats, or a decoder's own words.
    assert not re.search("[a-z]", re.sub("（.*）", "", chinese(broken.value.reason)))  # noqa: RUF001


def test_a_sentence_of_another_room_is_translated_within_one_of_ours() -> None:
    sentence = said("%(name)s: %(reason)s", name="unknown", reason=heard("truncated PNG"))
    assert chinese(sentence) == "unknown：PNG 文件不完整"  # noqa: RUF001
    assert heard("nobody has said this") == "nobody has said this"
