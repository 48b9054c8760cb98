"""Suspects with their evidence, and marks that can be taken back, on both databases."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.detectors import load
from patchsieve.station.errors import Invalid, NotFound
from patchsieve.station.running import Station


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image


def test_suspects_come_worst_first_with_evidence_and_pictures(station: Station, small_model: Path) -> None:
    model = load(small_model, device="cpu")
    found = station.review.suspects("line7")
    assert found.version == 1
    assert found.training_images == 28
    assert found.threshold == pytest.approx(model.threshold_)
    assert [each.rank for each in found.suspects] == list(range(1, 13))
    expected = model.suspects(top=12)
    assert [each.name for each in found.suspects] == list(expected.images.names)
    assert [each.score for each in found.suspects] == pytest.approx(expected.scores.tolist())
    assert sum(each.above for each in found.suspects) == found.above == len(model.suspects())
    assert {each.name for each in found.suspects[:4]} == {f"part_{index}.png" for index in (24, 25, 26, 27)}
    assert all(each.file_there and each.verdict is None for each in found.suspects)
    assert len(station.review.suspects("line7", 1, top=3).suspects) == 3
    pieces = station.review.evidence("line7", None, 1)
    assert pieces[0].caption == f"worst patch of {found.suspects[0].name}"
    assert len(pieces) == 4
    assert all(opened(piece.png).size[0] > 0 for piece in pieces)
    plain = np.asarray(opened(station.review.picture("line7", 1, 1, "image")))
    over = np.asarray(opened(station.review.picture("line7", 1, 1, "map")))
    assert plain.shape == over.shape == (96, 96, 3)
    assert (plain != over).any()
    with pytest.raises(NotFound):
        station.review.evidence("line7", None, 29)
    with pytest.raises(NotFound):
        station.review.suspects("line8")


def test_a_version_that_is_not_at_work_can_be_reviewed(station: Station, small_model: Path) -> None:
    version = station.lines.add_version("line7", small_model, by="ada")
    assert station.review.suspects("line7", version.number) != ()
    assert len(station.review.evidence("line7", version.number, 2)) == 4


def test_a_file_that_is_gone_or_changed_is_said_to_be_so(
    station: Station, small_model: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    model = load(small_model, device="cpu")
    folder = tmp_path / "training"
    folder.mkdir()
    for record in model.training_.images:
        assert record.path is not None
        (folder / record.name).write_bytes(record.path.read_bytes())
    images = model.training_.images
    moved = images.with_records([replace(record, path=folder / record.name) for record in images])
    model.training_ = replace(model.training_, images=moved)
    model.save(tmp_path / "moved.sieve")
    number = station.lines.add_version("line7", tmp_path / "moved.sieve", by="ada").number
    first, second = station.review.suspects("line7", number, top=2).suspects
    (folder / first.name).unlink()
    (folder / second.name).write_bytes((folder / "part_00.png").read_bytes())
    assert [each.file_there for each in station.review.suspects("line7", number, top=2).suspects] == [
        False,
        True,
    ]
    for rank, words in ((1, "is not where it was"), (2, "has changed")):
        with pytest.raises(NotFound, match=words):
            station.review.evidence("line7", number, rank)
        with pytest.raises(NotFound, match=words):
            station.review.picture("line7", number, rank, "map")


def test_marks_are_added_and_taken_back_one_by_one_by_who_gave_them(station: Station) -> None:
    review = station.review
    first, second, third = (each.name for each in review.suspects("line7", top=3).suspects)
    review.mark("line7", None, first, "keep", by="ada")
    review.mark("line7", None, second, "drop", by="ada")
    review.mark("line7", None, first, "drop", by="ben")
    review.mark("line7", None, third, "keep", by="ada")
    review.mark("line7", None, third, None, by="ada")

    def now() -> list[str | None]:
        return [each.verdict for each in review.suspects("line7", top=3).suspects]

    assert now() == ["drop", "drop", None]
    assert review.suspects("line7", top=1).suspects[0].by == "ben"
    undone = review.undo("line7", None, by="ada")
    assert undone is not None
    assert (undone.name, undone.verdict, undone.undoes) == (third, "keep", True)
    assert now() == ["drop", "drop", "keep"]
    review.undo("line7", None, by="ada")
    assert now() == ["drop", "drop", None]
    review.undo("line7", None, by="ada")
    assert now() == ["drop", None, None]
    # Ada's first mark goes; what Ben said of the same image stays.
    review.undo("line7", None, by="ada")
    assert now() == ["drop", None, None]
    assert review.undo("line7", None, by="ada") is None
    review.undo("line7", None, by="ben")
    assert now() == [None, None, None]
    told = review.marks("line7")
    assert len(told) == 10
    assert [mark.by for mark in told[:2]] == ["ben", "ada"]
    with pytest.raises(NotFound, match="no training image"):
        review.mark("line7", None, "../../etc/passwd", "drop", by="ada")
    entries = station.audit.entries(action="mark")
    assert len(entries) == 10
    assert entries[0].subject == f"line7/1/{first}"


def test_what_a_version_keeps_is_no_suspect_any_more(
    station: Station, small_model: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    model = load(small_model, device="cpu")
    model.training_ = replace(model.training_, kept=("part_24.png",))
    model.save(tmp_path / "kept.sieve")
    number = station.lines.add_version("line7", tmp_path / "kept.sieve", by="ada").number
    found = station.review.suspects("line7", number)
    assert found.kept == ("part_24.png",)
    assert "part_24.png" not in {each.name for each in found.suspects}
    with pytest.raises(Invalid, match="kept already"):
        station.review.mark("line7", number, "part_24.png", "keep", by="ada")
