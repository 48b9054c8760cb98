"""What a person wrote into the column mark comes back, whatever the spreadsheet program did to the file."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import ImagesError
from patchsieve.images import Marks, read_exclusions, read_marks

ROWS = [
    ["image", "score", "mark"],
    ["a.png", "3.5", "drop"],
    ["b/ö.png", "3.1", "keep"],
    ["c.png", "2.9", ""],
]


def written(path, rows, separator=",", ending="\r\n", encoding="utf-8-sig"):
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator=ending).writerows(rows)
    path.write_bytes(stream.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_understood_however_it_was_saved(tmp_path, separator, ending, encoding):
    path = written(tmp_path / "marks.csv", ROWS, separator, ending, encoding)
    assert read_marks(path) == Marks(keep=("b/ö.png",), drop=("a.png",))


def test_capitals_spaces_and_cut_rows_are_understood(tmp_path):
    rows = [["Image", " MARK "], ["a.png", " Drop "], ["b.png", "KEEP"], ["c.png"], ["", ""], []]
    assert read_marks(written(tmp_path / "m.csv", rows)) == Marks(keep=("b.png",), drop=("a.png",))


def test_the_hint_of_a_spreadsheet_is_no_row(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("sep=;\nimage;mark\na.png;drop\n")
    assert read_marks(path).drop == ("a.png",)


def test_what_is_no_mark_is_named_with_its_line(tmp_path):
    rows = [
        ["image", "mark"],
        ["a.png", "drop"],
        ["b.png", "defect"],
        ["c.png", "x"],
        ["", "drop"],
        ["d.png", "?"],
    ]
    with pytest.raises(
        ImagesError, match=r"line 3: 'defect'; line 4: 'x'; line 5: drop of no image and 1 more$"
    ):
        read_marks(written(tmp_path / "m.csv", rows))


def test_two_marks_of_one_image_must_agree(tmp_path):
    rows = [["image", "mark"], ["a.png", "drop"], ["a.png", "drop"]]
    assert read_marks(written(tmp_path / "m.csv", rows)).drop == ("a.png",)
    with pytest.raises(ImagesError, match=r"line 4: keep and drop of a\.png"):
        read_marks(written(tmp_path / "m.csv", [*rows, ["a.png", "keep"]]))


@pytest.mark.parametrize("text", ["", "image,score\na.png,3\n", "mark\ndrop\n", "a.png\nb.png\n"])
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ImagesError, match="has no column"):
        read_marks(tmp_path / "m.csv")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "m.csv").write_bytes("image;mark\r\nö.png;drop\r\n".encode("cp1252"))
    with pytest.raises(ImagesError, match="is not UTF-8 text; save it as CSV UTF-8"):
        read_marks(tmp_path / "m.csv")
    with pytest.raises(ImagesError, match=r"gone\.csv: No such file"):
        read_marks(tmp_path / "gone.csv")


def test_a_list_of_exclusions_with_marks_means_those_to_drop(tmp_path):
    assert read_exclusions(written(tmp_path / "m.csv", ROWS, ";")) == ("a.png",)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@given(
    marks=st.dictionaries(NAMES, st.sampled_from(["keep", "drop", ""]), max_size=6),
    separator=st.sampled_from(",;\t"),
)
def test_any_names_come_back(tmp_path_factory, marks, separator):
    path = tmp_path_factory.mktemp("marks") / "m.csv"
    written(path, [["image", "mark"], *map(list, marks.items())], separator)
    found = read_marks(path)
    assert found.keep == tuple(name for name, mark in marks.items() if mark == "keep")
    assert found.drop == tuple(name for name, mark in marks.items() if mark == "drop")
