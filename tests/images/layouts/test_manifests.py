"""Manifests as people write them: by hand, from Excel, from pandas."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from patchsieve.errors import ImagesError
from patchsieve.images import read_images


def manifest(folder: Path, text: str, *, name: str = "parts.csv", encoding: str = "utf-8") -> Path:
    for image in ("a.png", "b.png", "c.png", "masks/c.png"):
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / image).write_bytes(b"x")
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def test_only_the_images_need_be_named(tmp_path: Path) -> None:
    images = read_images(manifest(tmp_path, "image\na.png\nb.png\n"))
    assert (images.root, images.layout) == (tmp_path, "manifest")
    assert [(one.name, one.path, one.split, one.defective) for one in images] == [
        ("a.png", tmp_path / "a.png", None, None),
        ("b.png", tmp_path / "b.png", None, None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_as_spreadsheets_write_it(tmp_path: Path, encoding: str, end: str, delimiter: str) -> None:
    rows = [
        "Image,Split,Label,Mask,Station",
        '"a.png",TRAIN,OK,,"7"',
        " c.png ,Test,NG,masks/c.png,7",
        ",,,,",
    ]
    text = end.join(rows).replace(",", delimiter)
    images = read_images(manifest(tmp_path, text, encoding=encoding))
    assert [(one.name, one.split, one.defective, one.defect, one.mask) for one in images] == [
        ("a.png", "train", False, None, None),
        ("c.png", "test", True, "defect", tmp_path / "masks" / "c.png"),
    ]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([0, 1], pa.int64()),
        ([False, True], pa.bool_()),
        ([0.0, 1.0], pa.float64()),
        (["good", "bad"], pa.string()),
    ],
)
def test_parquet(tmp_path: Path, labels: list[object], kind: pa.DataType) -> None:
    path = manifest(tmp_path, "", name="parts.parquet")
    columns = {
        "image": pa.array(["a.png", "b.png", "c.png"]),
        "label": pa.array([*labels, None], kind),
        "defect": pa.array([None, "dent", None], pa.string()),
        "vector": pa.array([[0.5], [0.5], [0.5]]),
    }
    parquet.write_table(pa.table(columns), path)
    images = read_images(path)
    assert [(one.name, one.defective, one.defect) for one in images] == [
        ("a.png", False, None),
        ("b.png", True, "dent"),
        ("c.png", None, None),
    ]


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchsieve.images.layouts.tables.find_spec", lambda _: None)
    with pytest.raises(ImagesError, match=r"needs pyarrow: pip install 'patchsieve\[parquet\]'"):
        read_images(manifest(tmp_path, "", name="parts.parquet"))


def test_what_a_row_can_have_wrong(tmp_path: Path) -> None:
    rows = [
        "a.png,train,good", "a.png,test,good", "gone.png,train,good", "b.png,training,good", "c.png,test,scratched",
        "masks/c.png,validation,good", "masks,train,good", f"{'x' * 300}.png,train,good",
    ]  # fmt: skip
    images = read_images(manifest(tmp_path, "\n".join(["image,split,label", *rows])))
    assert images.names == ("a.png",)
    reasons = {(one.name, one.reason) for one in images.skipped}
    assert reasons == {
        (f"{'x' * 300}.png", "named in parts.csv, but there is no such file"),
        ("a.png", "parts.csv names it twice"),
        ("gone.png", "named in parts.csv, but there is no such file"),
        ("masks", "named in parts.csv, but there is no such file"),
        ("b.png", "parts.csv gives it the split 'training': write train, test or nothing"),
        ("c.png", "parts.csv gives it the label 'scratched': write good, bad or nothing"),
        ("masks/c.png", "good images for choosing thresholds; neither learnt from nor judged by"),
    }


def test_images_may_lie_elsewhere_and_masks_be_missing(tmp_path: Path) -> None:
    manifest(tmp_path, "")
    text = (
        f"image,label,mask\n../a.png,bad,../masks/gone.png\n{tmp_path / 'b.png'},bad,{tmp_path / 'masks'}\n"
    )
    images = read_images(manifest(tmp_path / "tables", text))
    outside = next(one for one in images if one.name == "../a.png")
    absolute = next(one for one in images if one.name == (tmp_path / "b.png").as_posix())
    assert outside.mask is None
    assert absolute.mask == tmp_path / "masks"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column image"),
        (b"file,label\na.png,good\n", "no column image; it needs image"),
        (b"image\ngone.png\n", r"gone.png \(named in parts.csv, but there is no such file\)"),
        ("image\nPrüfling.png\n".encode("cp1252"), "it is not UTF-8; save it as UTF-8"),
        (b'image,"label\n' + b"x" * 200_000, "cannot be read as CSV: field larger"),
    ],
)
def test_a_table_that_is_no_manifest(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "parts.csv").write_bytes(content)
    with pytest.raises(ImagesError, match=reason):
        read_images(tmp_path / "parts.csv")


def test_parquet_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match="cannot be read as Parquet"):
        read_images(manifest(tmp_path, "image\na.png\n", name="parts.parquet"))


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"not laid out as manifest, which is a \.csv or \.parquet file"):
        read_images(manifest(tmp_path, "image\n").parent, layout="manifest")


def test_a_manifest_of_another_ending_is_named_as_one(tmp_path: Path) -> None:
    assert read_images(manifest(tmp_path, "image\na.png\n", name="parts.txt"), layout="manifest").names == (
        "a.png",
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    cells=st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=("Cs",)), max_size=8)] * 4),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_stands_in_it_the_answer_is_images_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    rows = ["a.png,test,bad,masks/c.png", *(",".join(row) for row in cells)]
    path = manifest(folder, "image,split,label,mask\n" + "\n".join(rows))
    answer = names_or_error(path)
    assert "a.png" in answer or "parts.csv" in answer


def names_or_error(path: Path) -> str:
    try:
        return "\n".join(read_images(path).names)
    except ImagesError as error:
        return str(error)
