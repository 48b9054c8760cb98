"""The list of images of folders, manifests and URLs: the names that one machine gives them, row by row."""

import csv
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import fsspec
import pyarrow as arrow
import pytest
from pyarrow import parquet

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.images import decode, read_images
from patchsieve.scaleout.filesystems import Folder
from patchsieve.scaleout.listing import LeftOut, Listed, listing_of
from patchsieve.scaleout.nearby import brought_near
from patchsieve.scaleout.runs import Asked, listed_once
from patchsieve.scaleout.scoring import Job


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., Path]) -> Path:
    """Five images in two folders, one of a kind that is not read, litter and a text."""
    made = parts(tmp_path_factory.mktemp("list") / "line [7]", 3)
    parts(made / "late shift", 2)
    (made / "raw.heic").write_bytes(b"1")
    (made / "note.txt").write_text("for people")
    (made / ".hidden.png").write_bytes(b"1")
    (made / ".thumbs").mkdir()
    (made / ".thumbs" / "part_00.png").write_bytes(b"1")
    return made


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    yield files
    files.rm("/", recursive=True)


def listed(*sources: object, layout: str = "auto") -> tuple[list[Listed], LeftOut]:
    left_out = LeftOut()
    return list(listing_of(list(map(str, sources)), layout)(left_out)), left_out


def test_a_folder_is_listed_as_one_machine_reads_it(line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(line.parent)
    found, left_out = listed(line.name)
    images = read_images(line)
    assert [image.name for image in found] == list(images.names)
    assert [image.place for image in found] == [str(record.path) for record in images]
    assert (left_out.count, left_out.first) == (1, images.skipped[0])


def test_a_url_has_the_same_images(line: Path, tmp_path: Path) -> None:
    archive = tmp_path / "line.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for path in line.rglob("*"):
            written.write(path, path.relative_to(line))
    names = set(read_images(line).names)
    for url in (f"file://{line}", f"file://{line}/", f"zip://::file://{archive}"):
        found, left_out = listed(url)
        assert len(found) == 5
        assert {image.name for image in found} == names
        assert left_out.count == 1
        assert left_out.first is not None
        assert left_out.first.name == "raw.heic"
        for images in brought_near(found, at_once=2):
            for record in images:
                assert (decode(record) == decode(line / record.name)).all()
    assert [image.name for image in listed(f"zip://late shift::file://{archive}")[0]] == [
        "part_00.png",
        "part_01.png",
    ]
    assert [image.name for image in listed(f"file://{line}/part_02.png")[0]] == ["part_02.png"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_manifest_is_read_row_by_row(line: Path, tmp_path: Path, ending: str, scheme: str) -> None:
    rows = [
        ("image", "split"),
        ("part_01.png", "test"),
        ("late shift/part_00.png", ""),
        ("s3://elsewhere/a.png", ""),
        ("part_01.png", "test"),
        ("part_02.png", "validation"),
        ("", ""),
        ("gone.png", "train"),
        (str(tmp_path / "else.png"), ""),
    ]
    manifest = line / f"list.{ending}"
    if ending == "csv":
        with manifest.open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    else:
        table = dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True))
        parquet.write_table(arrow.table(table), manifest, row_group_size=2)
    found, left_out = listed(f"{scheme}{manifest}")
    manifest.unlink()
    assert found == [
        ("part_01.png", f"{scheme}{line}/part_01.png"),
        ("late shift/part_00.png", f"{scheme}{line}/late shift/part_00.png"),
        ("s3://elsewhere/a.png", "s3://elsewhere/a.png"),
        ("gone.png", f"{scheme}{line}/gone.png"),
        (str(tmp_path / "else.png"), str(tmp_path / "else.png")),
    ]
    assert left_out.count == 3
    assert left_out.first is not None
    assert "names it twice" in left_out.first.reason


def test_no_more_of_a_manifest_is_read_than_is_asked_for(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    with manifest.open("w") as stream:
        stream.write("image\n")
        stream.writelines(f"{number}.png\n" for number in range(200_000))
        stream.write("\xff" * 200_000)  # longer than a field may be: who gets here finds an error
    images = listing_of([str(manifest)])(LeftOut())
    assert [image.name for image in islice(images, 2)] == ["0.png", "1.png"]
    with pytest.raises(ImagesError, match="field larger"):
        list(images)


def test_a_manifest_in_an_archive_names_what_is_in_it(tmp_path: Path) -> None:
    archive = tmp_path / "line.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("monday/list.csv", "image\n./late/a.png\nlate/a.png\n")
    found, left_out = listed(f"zip://monday/list.csv::file://{archive}")
    assert found == [("late/a.png", f"zip://monday/late/a.png::file://{archive}")]
    assert left_out.count == 1


def test_a_list_is_read_again_part_by_part(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(9000)]
    (tmp_path / "list.csv").write_text("\n".join(["image", *names]))
    folder, asked = Folder.of(str(tmp_path / "out")), Asked("0", "model", None, None)
    listing = listing_of([str(tmp_path / "list.csv")])
    count = listed_once(folder, asked, listing, LeftOut()).count
    job = Job(folder, count, 24 * 3, None, None, strict=False, device="cpu")
    assert [image.name for part in job.missing() for image in job.listed(part)] == names
    assert listed_once(folder, asked, listing, LeftOut()).count == count == 9000


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (("s3://bucket/line7",), "s3fs"),
        (("nothing://a",), "Protocol not known"),
        (("file:///a", "/b"), "give one URL"),
        (("file:///nowhere/at/all",), "cannot be listed"),
        (("file:///nowhere/at/all.csv",), "cannot read"),
    ],
)
def test_what_cannot_be_listed_is_said(sources: tuple[str, ...], words: str) -> None:
    with pytest.raises((ConfigError, ImagesError), match=words):
        listed(*sources)


def test_a_url_has_no_layout(line: Path) -> None:
    with pytest.raises(ConfigError, match="folders of this machine"):
        listed(f"file://{line}", layout="mvtec")


def test_images_of_a_store_are_near_for_their_turn_only(
    line: Path, memory: fsspec.AbstractFileSystem
) -> None:
    images = [Listed(str(number), f"memory://line/{number}.png") for number in range(5)]
    for image in images[:4]:
        memory.pipe_file(image.place, image.name.encode())
    sets = brought_near([*images, Listed("near", str(line / "part_00.png"))], at_once=2)
    before: list[Path] = []
    for wanted in (["0", "1"], ["2", "3"], ["4", "near"]):
        records = list(next(sets))
        assert [record.name for record in records] == wanted
        assert not any(path.exists() for path in before)
        before = [record.path for record in records if record.path is not None and record.name != "near"]
        assert [path.read_text() for path in before if path.exists()] == [
            name for name in wanted if name < "4"
        ]
    assert not list(sets)
    assert (line / "part_00.png").exists()
    assert not before[0].parent.exists()


def test_a_folder_in_a_store_is_written_whole(memory: fsspec.AbstractFileSystem) -> None:
    folder = Folder.of("memory://results/monday")
    assert folder.names("parts") == set()
    assert folder.read("parts/a") is None
    with folder.replacing("parts/a") as temporary:
        temporary.write_bytes(b"whole")
        assert not folder.has("parts/a")
    with pytest.raises(FileNotFoundError), folder.replacing("parts/b") as temporary:
        temporary.with_name("elsewhere").rename(temporary)
    assert folder.names("parts") == {"a"}
    assert folder.has("parts/a")
    assert folder.read("parts/a") == b"whole"
    assert memory.cat_file("/results/monday/parts/a") == b"whole"
