"""Suspects as a conversation: the list goes out, marks come back, and the next model has learnt from them."""

import csv
import json
import shutil

import pytest

from patchsieve import load
from patchsieve.detectors import SoftPatch


@pytest.fixture
def line(tmp_path, unsorted):
    """A folder of its own, since tests below take files away."""
    return shutil.copytree(unsorted, tmp_path / "line7")


@pytest.fixture
def model(tmp_path, line):
    path = tmp_path / "a.sieve"
    SoftPatch(image_size=64, crop=None, folds=2).fit(str(line), cache=tmp_path / "cache").save(path)
    return path


def mark(path, marks):
    """Fill in the column mark as a German spreadsheet program saves it."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    known = {row["image"] for row in rows}
    assert set(marks) <= known
    for row in rows:
        row["mark"] = marks.get(row["image"], "")
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def test_a_conversation(patchsieve, model, tmp_path):
    marks = tmp_path / "marks.csv"
    asked = patchsieve("suspects", model, "--top", 8, "--csv", marks, "--format", "json")
    assert asked.code == 0, asked
    worst = [row["image"] for row in json.loads(asked.out)]
    assert marks.read_bytes().startswith(b"\xef\xbb\xbfimage,score,")
    with marks.open(encoding="utf-8-sig") as stream:
        assert [(row["image"], row["mark"]) for row in csv.DictReader(stream)] == [
            (name, "") for name in worst
        ]
    dropped = [name for name in worst if name >= "part_24.png"]
    kept = next(name for name in worst if name < "part_24.png")
    mark(marks, {**dict.fromkeys(dropped, "DROP"), kept: "keep"})
    before = model.read_bytes()
    finished = patchsieve(
        "refit", model, "--marks", marks, "--out", tmp_path / "b.sieve", "--cache", tmp_path / "cache"
    )
    assert finished.code == 0, finished
    assert model.read_bytes() == before
    assert f"0 of {28 - len(dropped)} images embedded again" in finished.err.replace("\n", " ")
    old, new = load(model), load(tmp_path / "b.sieve")
    assert not set(dropped) & set(new.training_.images.names)
    assert new.training_.kept == (kept,)
    # The same as a fit without them.
    rest = SoftPatch(image_size=64, crop=None, folds=2)
    rest.fit([record.path for record in new.training_.images])
    assert new.threshold_ == rest.threshold_
    assert new.training_.scores.tolist() == rest.training_.scores.tolist()
    # Kept by hand: no suspect any more, and said so.
    again = patchsieve("suspects", tmp_path / "b.sieve", "--top", 30)
    assert kept not in again.out
    assert f"1 more are no suspects, kept by hand: {kept}" in again.err.replace("\n", " ")
    assert "training images  28" in finished.out
    assert f"dropped: {', '.join(sorted(dropped))}" in finished.out
    assert f"{old.threshold_:.4g}" in finished.out
    assert f"{new.threshold_:.4g}" in finished.out


def test_the_changes_as_json_and_the_list_may_be_given_again(patchsieve, model, tmp_path):
    marks = tmp_path / "marks.csv"
    marks.write_text("image;mark\npart_25.png;drop\npart_03.png;Keep\n")
    first = patchsieve("refit", model, "--marks", marks, "--out", tmp_path / "b.sieve", "--format", "json")
    changes = json.loads(first.out)
    assert changes["dropped"] == ["part_25.png"]
    assert (changes["before"]["images"], changes["after"]["images"]) == (28, 27)
    assert changes["embedded"] == 27
    assert changes["after"]["kept"] == 1
    moves = changes["moves"]
    assert sorted(move["rank_after"] for move in moves) == list(range(1, 28))
    factors = [move["rank_after"] / move["rank_before"] for move in moves]
    apart = [max(factor, 1 / factor) for factor in factors]
    assert apart == pytest.approx(sorted(apart, reverse=True))
    marks.write_text("image;mark\npart_25.png;drop\npart_26.png;drop\n")
    second = patchsieve(
        "refit", tmp_path / "b.sieve", "--marks", marks, "--out", tmp_path / "c.sieve", "--format", "json"
    )
    assert json.loads(second.out)["dropped"] == ["part_26.png"]
    third = load(tmp_path / "c.sieve").training_
    assert third.kept == ("part_03.png",)
    assert [skip.name for skip in third.skipped] == ["part_25.png", "part_26.png"]
    marks.write_text("image;mark\npart_25.png;keep\n")
    back = patchsieve("refit", tmp_path / "c.sieve", "--marks", marks, "--out", tmp_path / "d.sieve")
    assert "fit again with them" in back.err.replace("\n", " ")


def test_what_cannot_work_is_said(refused, patchsieve, model, line, tmp_path):
    marks = tmp_path / "marks.csv"
    options = ("--marks", marks, "--out", tmp_path / "b.sieve")
    marks.write_text("image,mark\npart_25.png,\n")
    assert "no image is marked" in refused("refit", model, *options)
    marks.write_text("image,mark\npart_25.png,defect\n")
    assert "line 2: 'defect'" in refused("refit", model, *options)
    marks.write_text("image,mark\nnobody.png,drop\n")
    assert "not among the 28 training images of the model: nobody.png" in refused("refit", model, *options)
    marks.write_text("image,mark\npart_25.png,drop\n")
    assert "a.sieve exists" in patchsieve("refit", model, "--marks", marks, "--out", model).err.replace(
        "\n", " "
    )
    (line / "part_02.png").write_bytes((line / "part_03.png").read_bytes())
    said = refused("refit", model, *options)
    assert "1 training images are not what the model has learnt from" in said
    assert "part_02.png" in said
    (line / "part_02.png").unlink()
    said = refused("refit", model, *options)
    assert f"1 of 28 training images are not in {line} any more: part_02.png" in said


def test_images_that_were_moved_are_found_in_their_new_folder(patchsieve, model, line, tmp_path):
    line.rename(tmp_path / "archive")
    (tmp_path / "archive" / "part_25.png").unlink()
    marks = tmp_path / "marks.csv"
    marks.write_text("image,mark\npart_25.png,drop\n")
    options = ("--marks", marks, "--out", tmp_path / "b.sieve", "--cache", tmp_path / "cache")
    finished = patchsieve("refit", model, *options, "--images", tmp_path / "archive")
    assert finished.code == 0, finished
    training = load(tmp_path / "b.sieve").training_
    assert training.images.root == tmp_path / "archive"
    assert len(training.images) == 27
    assert patchsieve("refit", model, *options, "--images", tmp_path / "archive", "--overwrite").code == 0


def test_marks_in_a_file_are_not_written_over(patchsieve, model_file, tmp_path):
    (tmp_path / "marks.csv").write_text("an hour of looking")
    finished = patchsieve("suspects", model_file, "--csv", tmp_path / "marks.csv")
    assert finished.code == 2
    assert (tmp_path / "marks.csv").read_text() == "an hour of looking"


def test_what_confirmed_defects_took_out_of_the_bank_stays_out(patchsieve, model, parts, tmp_path):
    defects = parts(tmp_path / "defects", 0, 2, first=400)
    patchsieve("update", model, "--defects", defects, "--out", tmp_path / "b.sieve")
    marks = tmp_path / "marks.csv"
    marks.write_text("image,mark\npart_25.png,drop\n")
    assert (
        patchsieve("refit", tmp_path / "b.sieve", "--marks", marks, "--out", tmp_path / "c.sieve").code == 0
    )
    old, new = load(tmp_path / "b.sieve").bank_, load(tmp_path / "c.sieve").bank_
    assert new.rejected.equal(old.rejected)
    assert not new.matching(new.rejected).any()
