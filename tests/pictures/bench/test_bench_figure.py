"""The values: figures that are text and bytes, tables that any program reads."""

import csv
import io
from xml.etree import ElementTree

from PIL import Image

from patchsieve.pictures.bench import BenchFigure, Table
from patchsieve.pictures.bench.figure import canvas, clean, clean_name

NAME = 'a "b" <c> & $x^2$ 检测'


def draw() -> BenchFigure:
    with canvas(3, 2) as figure:
        figure.text(0.1, 0.5, NAME)
        return BenchFigure.drawn(
            figure, name="a/b: c", title="t", caption="c", alt="a", table=Table(("x",), ((1,),))
        )


def test_text_stays_text_and_a_dollar_begins_no_formula(words):
    assert words(draw().svg) == [NAME]


def test_equal_figures_are_equal_bytes():
    assert draw() == draw()


def test_the_pixels_are_a_picture_of_the_size_asked_for():
    assert Image.open(io.BytesIO(draw().png)).size == (480, 320)


def test_an_svg_asks_for_nothing_from_outside():
    hrefs = [
        value
        for element in ElementTree.fromstring(draw().svg).iter()
        for key, value in element.attrib.items()
        if key.endswith("href")
    ]
    assert all(href.startswith(("#", "data:")) for href in hrefs)


def test_a_csv_has_all_digits_and_an_empty_cell_for_what_is_not_defined():
    rows = ((NAME, 0.1 + 0.2, None), ("two\nlines, a comma", 3, 1e-12))
    read = list(csv.reader(io.StringIO(Table(("name", "x", "y"), rows).csv())))
    assert read == [
        ["name", "x", "y"],
        [NAME, "0.30000000000000004", ""],
        ["two\nlines, a comma", "3", "1e-12"],
    ]


def test_what_no_xml_holds_becomes_a_mark():
    assert clean("a\x07b\udcffc\nd") == "a�b�c�d"


def test_a_file_name_has_no_folders_and_no_spaces():
    assert draw().name == "a-b--c"
    assert clean_name("../检测 <1>.png") == "检测--1-.png"
