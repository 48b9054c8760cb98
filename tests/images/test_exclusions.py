import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import ImagesError
from patchsieve.images import distinct, read_exclusions, read_images, without


@pytest.fixture
def folder(tmp_path, save):
    for name in ("a.png", "b.png", "below/a.png", "c,d.png"):
        save(tmp_path / "set" / name)
    return tmp_path / "set"


def test_a_list_has_one_name_a_line(tmp_path):
    path = tmp_path / "defective.txt"
    path.write_text("# looked at by Ada\n\n  a.png  \nbelow/a.png\r\nc,d.png\n", encoding="utf-8")
    assert read_exclusions(path) == ("a.png", "below/a.png", "c,d.png")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_gives_its_column_image_however_a_spreadsheet_saved_it(tmp_path, separator):
    path = tmp_path / "suspects.csv"
    rows = [["score", "image"], ["7.5", f"a{separator}b.png"], ["", ""], ["3,2", "c.png"]]
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator).writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8-sig")
    assert read_exclusions(str(path)) == (f"a{separator}b.png", "c.png")


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    lambda name: not name.startswith("#") and name != "image"
)


@given(wanted=st.lists(names, min_size=1, max_size=5))
def test_any_name_comes_back_from_a_list_and_from_a_table(tmp_path_factory, wanted):
    path = tmp_path_factory.mktemp("lists") / "list"
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([["image", "note"], *([name, "x"] for name in wanted)])
    path.write_text(stream.getvalue(), encoding="utf-8")
    assert read_exclusions(path) == tuple(wanted)
    if not any(set(name) & set(',;\t"') for name in wanted):
        path.write_text("\n".join(wanted), encoding="utf-8")
        assert read_exclusions(path) == tuple(wanted)


def test_an_empty_list_excludes_nothing(tmp_path, folder):
    (tmp_path / "none.txt").write_text("# all good\n")
    images = read_images(folder)
    assert without(images, read_exclusions(tmp_path / "none.txt")) == images


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ImagesError, match=r"missing\.txt: No such file"):
        read_exclusions(tmp_path / "missing.txt")
    (tmp_path / "model.sieve").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ImagesError, match=r"model\.sieve, is not UTF-8 text"):
        read_exclusions(tmp_path / "model.sieve")


def test_excluded_images_go_and_are_listed_and_the_rest_stays_in_order(folder):
    images = read_images(folder)
    left = without(images, ["below/a.png", str(folder / "b.png")])
    assert left.names == tuple(name for name in images.names if name not in ("below/a.png", "b.png"))
    assert {skip.name: skip.reason for skip in left.skipped} == {
        "below/a.png": "excluded by the user",
        "b.png": "excluded by the user",
    }


def test_exact_copies_of_an_excluded_image_go_with_it(folder):
    (folder / "z.png").write_bytes((folder / "b.png").read_bytes())
    left = without(read_images(folder), ["b.png"])
    assert not {"b.png", "z.png"} & set(left.names)
    assert {skip.name: skip.reason for skip in left.skipped}[
        "z.png"
    ] == "exact copy of b.png, excluded by the user"
    # The copy, not the original, is what `distinct` leaves to be suspected: naming it must take both out as well.
    assert not {"b.png", "z.png"} & set(distinct(without(read_images(folder), ["z.png"])).names)


def test_a_broken_image_can_be_excluded_and_does_not_stop_others_from_being(folder):
    (folder / "empty.png").write_bytes(b"")
    images = read_images(folder)
    assert "empty.png" in without(images, ["a.png"]).names
    assert "empty.png" not in without(images, ["empty.png"]).names


def test_a_name_of_no_image_is_refused_with_the_few_first(folder):
    images = read_images(folder)
    with pytest.raises(ImagesError, match=r"not among the 4 training images .*: nope\.png; write names as"):
        without(images, ["a.png", "nope.png"])
    with pytest.raises(ImagesError, match=r": 1, 2, 3 and 2 more;"):
        without(images, list("54321"))
