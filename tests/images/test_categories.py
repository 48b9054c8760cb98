"""Which folders of a data set are categories, and which are not."""

from pathlib import Path

import pytest

from patchsieve.errors import ImagesError
from patchsieve.images import read_categories, read_images


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def mvtec(*categories: str) -> list[str]:
    return [
        f"{category}/{image}"
        for category in categories
        for image in ("train/good/0.png", "test/good/0.png", "test/cut/0.png", "ground_truth/cut/0_mask.png")
    ]


def test_mvtec_ad(tmp_path: Path) -> None:
    touch(tmp_path, *mvtec("bottle", "cable", "Zipper"), "license.txt", "LICENSE/terms.txt", ".DS_Store")
    touch(
        tmp_path,
        *(f"__MACOSX/{name}" for name in mvtec("bottle")),
        *(f".cache/{name}" for name in mvtec("x")),
    )
    found = read_categories(tmp_path)
    assert list(found.folders.items()) == [(name, tmp_path / name) for name in ("bottle", "cable", "Zipper")]
    assert found.skipped == ()
    assert all(len(read_images(folder).train) == 1 for folder in found.folders.values())


def test_btad_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{product}/train/ok/0.bmp" for product in ("10", "02", "1", "03")))
    assert list(read_categories(tmp_path).folders) == ["1", "02", "03", "10"]


def test_visa(tmp_path: Path) -> None:
    touch(tmp_path, "candle/Data/Images/Normal/0.JPG", "pcb1/Data/Images/Normal/0.JPG", "LICENSE-DATASET")
    (tmp_path / "split_csv").mkdir()
    rows = "".join(f"{name},train,normal,{name}/Data/Images/Normal/0.JPG,\n" for name in ("candle", "pcb1"))
    (tmp_path / "split_csv" / "1cls.csv").write_text(f"object,split,label,image,mask\n{rows}")
    found = read_categories(tmp_path)
    assert (list(found.folders), found.skipped) == (["candle", "pcb1"], ())


@pytest.mark.parametrize(
    "files",
    [
        ("train/good/0.png", "test/good/0.png"),
        ("train/ok/0.bmp",),
        ("MT_Free/Imgs/0.jpg", "MT_Crack/Imgs/0.jpg"),
        ("kos01/Part0.jpg", "kos01/Part0_label.bmp"),
        ("train/0.png", "train/0_GT.png", "test/1.png", "test/1_GT.png"),
        ("good/0.png", "bad/0.png"),
    ],
)
def test_one_category_is_itself(
    tmp_path: Path, files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = touch(tmp_path / "tiles", *files)
    assert dict(read_categories(root).folders) == {"tiles": root}
    monkeypatch.chdir(root)
    assert dict(read_categories(".").folders) == {"tiles": Path()}


def test_a_manifest_is_a_category(tmp_path: Path) -> None:
    (tmp_path / "line.7.csv").write_text("image\n")
    assert dict(read_categories(tmp_path / "line.7.csv").folders) == {"line.7": tmp_path / "line.7.csv"}


def test_what_cannot_be_read_as_a_category_is_named_with_its_reason(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *mvtec("bottle", "more/cable"),
        "samples/overview.png",
        "odd/train/0/0.png",
        "odd/test/0/0.png",
    )
    (tmp_path / "empty" / "train" / "good").mkdir(parents=True)
    (tmp_path / "bottle again").symlink_to(tmp_path / "bottle")
    (tmp_path / "up").symlink_to(tmp_path)
    found = read_categories(tmp_path)
    assert list(found.folders) == ["bottle"]
    reasons = {one.name: one.reason for one in found.skipped}
    assert reasons.keys() == {"bottle again/", "empty/", "more/", "odd/", "samples/"}
    assert "link" in reasons["bottle again/"]
    assert "no images" in reasons["empty/"]
    assert "holds categories itself" in reasons["more/"]
    assert reasons["odd/"] == reasons["samples/"] == "its images are in no layout with labels"


def test_a_broken_table_of_splits_is_a_reason(tmp_path: Path) -> None:
    touch(tmp_path, *mvtec("bottle"), "split_csv/1cls.csv")
    with pytest.raises(ImagesError, match=r"no category .* \(bottle/ .*1cls.csv: no column"):
        read_categories(tmp_path)


def test_no_category(tmp_path: Path) -> None:
    touch(tmp_path, "photos/1.png", "notes.txt")
    with pytest.raises(ImagesError, match=r"no category in .* \(photos/ its images are in no layout"):
        read_categories(tmp_path)
    with pytest.raises(ImagesError, match="neither a folder nor a manifest"):
        read_categories(tmp_path / "notes.txt")
    with pytest.raises(ImagesError, match="no such file or folder"):
        read_categories(tmp_path / "gone")
