"""Each published layout as a small tree of exactly its shape, then as people break it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from patchsieve.errors import ImagesError
from patchsieve.images import ImageSet, read_images


def facts(images: ImageSet) -> list[tuple[object, ...]]:
    return [
        (
            one.name,
            one.split,
            one.defective,
            one.defect,
            one.mask and one.mask.relative_to(images.root).as_posix(),
        )
        for one in images
    ]


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_mvtec(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/good/000.png", "train/good/001.png", "test/good/000.png", "test/broken_large/000.png",
        "test/broken_large/001.png", "test/broken_large/002.png", "ground_truth/broken_large/000_mask.png",
        "ground_truth/broken_large/001.png", "license.txt",
    )  # fmt: skip
    images = read_images(root)
    assert images.layout == "mvtec"
    assert images.skipped == ()
    assert facts(images) == [
        ("train/good/000.png", "train", False, None, None),
        ("train/good/001.png", "train", False, None, None),
        ("test/broken_large/000.png", "test", True, "broken_large", "ground_truth/broken_large/000_mask.png"),
        ("test/broken_large/001.png", "test", True, "broken_large", "ground_truth/broken_large/001.png"),
        ("test/broken_large/002.png", "test", True, "broken_large", None),
        ("test/good/000.png", "test", False, None, None),
    ]


def test_mvtec_as_people_keep_it(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "Train/Good/A 1.PNG", "Test/Kratzer ü/a.JPG", "Test/Kratzer ü/b.jpg", "Test/Good/c.png",
        "Ground_Truth/kratzer u\u0308/A_mask.bmp", "Test/.DS_Store", "Test/Good/Thumbs.db", "validation/good/x.png",
        "overview.png", "Train/anomalies/odd.png",
    )  # fmt: skip
    images = read_images(root)
    assert images.layout == "mvtec"
    assert facts(images) == [
        ("Train/anomalies/odd.png", "train", True, "anomalies", None),
        ("Train/Good/A 1.PNG", "train", False, None, None),
        ("Test/Good/c.png", "test", False, None, None),
        ("Test/Kratzer ü/a.JPG", "test", True, "Kratzer ü", "Ground_Truth/kratzer u\u0308/A_mask.bmp"),
        ("Test/Kratzer ü/b.jpg", "test", True, "Kratzer ü", None),
    ]
    assert [one.name for one in images.skipped] == ["overview.png", "validation/"]


def test_mvtec_with_training_images_that_nobody_sorted(tmp_path: Path) -> None:
    images = read_images(
        touch(tmp_path, "train/1.png", "train/2.png", "test/good/1.png", "test/scratch/1.png")
    )
    assert images.layout == "mvtec"
    assert [(one.split, one.defective) for one in images] == [
        ("train", None), ("train", None), ("test", False), ("test", True),
    ]  # fmt: skip


def test_masks_belong_to_defective_test_images_and_the_named_ending_wins(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/good/1.png", "train/cut/1.png", "test/good/1.png", "test/cut/1.png", "ground_truth/good/1.png",
        "ground_truth/cut/1.png", "ground_truth/cut/1_mask.png",
    )  # fmt: skip
    masks = {one.name: one.mask and one.mask.name for one in read_images(root) if one.mask}
    assert masks == {"test/cut/1.png": "1_mask.png"}


def test_a_mask_is_never_taken_from_a_longer_or_a_shorter_stem(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/good/0.png", "test/cut/1.png", "test/cut/11.png", "test/cut/a.b.png", "test/cut/a.png",
        "ground_truth/cut/11.png", "ground_truth/cut/a.b_mask.png",
    )  # fmt: skip
    masks = {one.name: one.mask and one.mask.name for one in read_images(root).test}
    assert masks == {
        "test/cut/1.png": None,
        "test/cut/11.png": "11.png",
        "test/cut/a.b.png": "a.b_mask.png",
        "test/cut/a.png": None,
    }


def test_an_exact_stem_wins_over_one_that_differs_in_case(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/good/0.png", "test/cut/a.png", "test/cut/A.png", "ground_truth/cut/a.png",
        "ground_truth/cut/A.png",
    )  # fmt: skip
    assert all(one.mask and one.mask.name == Path(one.name).name for one in read_images(root).test)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    stems=st.lists(
        st.text(
            st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=12
        )
        .filter(lambda text: not text.startswith(".") and not text.endswith("_mask"))
        .filter(lambda text: len(text.encode()) < 60),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_whatever_the_names_every_image_is_read_once_with_its_own_mask(
    tmp_path_factory: pytest.TempPathFactory, stems: list[str]
) -> None:
    root = tmp_path_factory.mktemp("names")
    touch(root, "train/good/0.png")
    for stem in stems:
        touch(root, f"test/cut/{stem}.png", f"ground_truth/cut/{stem}_mask.png")
    test = read_images(root).test
    assert sorted(one.name for one in test) == sorted(f"test/cut/{stem}.png" for stem in stems)
    assert all(one.mask and one.mask.name == f"{Path(one.name).stem}_mask.png" for one in test)


def test_btad(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/ok/0000.bmp", "test/ok/0000.bmp", "test/ko/0001.bmp", "test/ko/0002.bmp",
        "ground_truth/ko/0001.png",
    )  # fmt: skip
    images = read_images(root)
    assert images.layout == "btad"
    assert facts(images) == [
        ("train/ok/0000.bmp", "train", False, None, None),
        ("test/ko/0001.bmp", "test", True, "ko", "ground_truth/ko/0001.png"),
        ("test/ko/0002.bmp", "test", True, "ko", None),
        ("test/ok/0000.bmp", "test", False, None, None),
    ]


def test_course(tmp_path: Path) -> None:
    images = read_images(touch(tmp_path, "train/good/1.jpg", "train/bad/1.jpg", "test/1.jpg", "test/2.jpg"))
    assert images.layout == "course"
    assert facts(images) == [
        ("train/bad/1.jpg", "train", True, "bad", None),
        ("train/good/1.jpg", "train", False, None, None),
        ("test/1.jpg", "test", None, None, None),
        ("test/2.jpg", "test", None, None, None),
    ]


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("train/1.png", "test/1.png"), "course"),
        (("train/ok/1.png", "test/1.png"), "course"),
        (("train/good/1.png", "train/bad/1.png"), "course"),
        (("train/good/1.png",), "mvtec"),
        (("train/good/1.png", "train/bad/2.png", "test/good/1.png"), "mvtec"),
        (("train/ok/1.png", "train/ko/2.png", "test/ok/1.png"), "btad"),
        (("good/1.png", "bad/1.png"), "good_bad"),
        (("OK/1.png", "NG/1.png"), "good_bad"),
        (("normal/1.png", "Anomaly/1.png", "ground_truth/Anomaly/1.png"), "good_bad"),
        (("good/1.png",), "folder"),
        (("2026-11-20/1.png", "2026-11-21/1.png"), "folder"),
        (("train/1.png",), "folder"),
    ],
)
def test_the_most_specific_layout_wins(tmp_path: Path, names: tuple[str, ...], layout: str) -> None:
    assert read_images(touch(tmp_path, *names)).layout == layout


def test_good_bad(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "Good/1.png", "Good/shift 2/2.png", "defective/3.png", "ground_truth/defective/3.png", "unsure/4.png",
        "5.png",
    )  # fmt: skip
    images = read_images(root)
    assert facts(images) == [
        ("defective/3.png", None, True, "defective", "ground_truth/defective/3.png"),
        ("Good/1.png", None, False, None, None),
        ("Good/shift 2/2.png", None, False, None, None),
    ]
    assert [one.name for one in images.skipped] == ["5.png", "unsure/"]


def test_mtd(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "MT_Free/Imgs/exp1_num_1.jpg", "MT_Free/Imgs/exp1_num_1.png", "MT_Blowhole/Imgs/exp1_num_2.jpg",
        "MT_Blowhole/Imgs/exp1_num_2.png", "MT_Crack/Imgs/exp1_num_10.jpg", "MT_Crack/Imgs/exp1_num_3.png", "README.md",
    )  # fmt: skip
    images = read_images(root)
    assert images.layout == "mtd"
    assert facts(images) == [
        ("MT_Blowhole/Imgs/exp1_num_2.jpg", None, True, "blowhole", "MT_Blowhole/Imgs/exp1_num_2.png"),
        ("MT_Crack/Imgs/exp1_num_10.jpg", None, True, "crack", None),
        ("MT_Free/Imgs/exp1_num_1.jpg", None, False, None, None),
    ]
    assert [(one.name, one.reason) for one in images.skipped] == [
        ("MT_Crack/Imgs/exp1_num_3.png", "a mask without its image")
    ]


def test_mtd_names_folders_that_are_none_of_its_own(tmp_path: Path) -> None:
    images = read_images(touch(tmp_path, "MT_Free/Imgs/1.jpg", "MT_Break/2.jpg", "figures/3.jpg"))
    assert images.names == ("MT_Free/Imgs/1.jpg",)
    assert [one.name for one in images.skipped] == ["figures/", "MT_Break/"]


def test_loco_takes_no_mask_for_an_image_of_the_same_name_in_a_deeper_folder(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "train/good/0.png", "test/logical_anomalies/1.png", "test/logical_anomalies/1/2.png",
        "ground_truth/logical_anomalies/1/2.png",
    )  # fmt: skip
    assert {one.name: one.mask and one.mask.name for one in read_images(root).test} == {
        "test/logical_anomalies/1.png": None,
        "test/logical_anomalies/1/2.png": "2.png",
    }


def test_ksdd2_as_it_is_published_with_its_strays(tmp_path: Path) -> None:
    for name in ("10301", "10301 (copy)", "10301_GT", "10301_GT (copy)"):
        (tmp_path / "train").mkdir(exist_ok=True)
        Image.new("L", (3, 3), 255).save(tmp_path / "train" / f"{name}.png")
    Image.new("L", (3, 3)).save(tmp_path / "train" / "10302_GT.png")
    images = read_images(tmp_path)
    assert (images.layout, images.names) == ("ksdd2", ("train/10301.png",))
    assert [one.name for one in images.skipped] == [
        "train/10301 (copy).png",
        "train/10301_GT (copy).png",
        "train/10302_GT.png",
    ]


VISA_FILES = (
    "candle/Data/Images/Normal/0000.JPG", "candle/Data/Images/Normal/0001.JPG", "candle/Data/Images/Anomaly/000.JPG",
    "candle/Data/Images/Anomaly/001.JPG", "candle/Data/Masks/Anomaly/000.png", "candle/image_anno.csv",
    "capsules/Data/Images/Normal/0000.JPG", "capsules/Data/Images/Anomaly/000.JPG",
)  # fmt: skip
VISA_CSV = """\
object,split,label,image,mask
candle,train,normal,candle/Data/Images/Normal/0000.JPG,
candle,test,normal,candle/Data/Images/Normal/0001.JPG,
candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png
candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png
capsules,train,normal,capsules/Data/Images/Normal/0000.JPG,
"""


def visa(root: Path, table: str | None) -> Path:
    touch(root, *VISA_FILES)
    if table is not None:
        touch(root, "split_csv/1cls.csv")
        (root / "split_csv/1cls.csv").write_text(table, encoding="utf-8")
    return root


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_visa_with_its_split(tmp_path: Path, mark: str) -> None:
    images = read_images(visa(tmp_path, mark + VISA_CSV) / "candle")
    assert images.layout == "visa"
    assert facts(images) == [
        ("Data/Images/Normal/0000.JPG", "train", False, None, None),
        ("Data/Images/Anomaly/000.JPG", "test", True, "anomaly", "Data/Masks/Anomaly/000.png"),
        ("Data/Images/Anomaly/001.JPG", "test", True, "anomaly", None),
        ("Data/Images/Normal/0001.JPG", "test", False, None, None),
    ]


@pytest.mark.parametrize("table", [None, "object,split,label,image,mask\n"])
def test_visa_without_a_split(tmp_path: Path, table: str | None) -> None:
    images = read_images(visa(tmp_path, table) / "candle")
    assert images.layout == "visa"
    assert facts(images) == [
        ("Data/Images/Anomaly/000.JPG", None, True, "anomaly", "Data/Masks/Anomaly/000.png"),
        ("Data/Images/Anomaly/001.JPG", None, True, "anomaly", None),
        ("Data/Images/Normal/0000.JPG", None, False, None, None),
        ("Data/Images/Normal/0001.JPG", None, False, None, None),
    ]


def test_visa_read_from_within_has_its_split_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = visa(tmp_path, VISA_CSV) / "candle"
    expected = read_images(root)
    monkeypatch.chdir(root)
    assert facts(read_images(".")) == facts(expected)


def test_visa_images_that_the_table_does_not_name_are_named(tmp_path: Path) -> None:
    root = visa(tmp_path, VISA_CSV) / "candle"
    touch(root, "Data/Images/Normal/0999.JPG")
    assert [(one.name, one.reason) for one in read_images(root).skipped] == [
        ("Data/Images/Normal/0999.JPG", "1cls.csv does not name it")
    ]


def test_visa_named_by_its_root_lists_the_objects(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"holds 2 data sets, not one \(candle, capsules\): name one"):
        read_images(visa(tmp_path, VISA_CSV))


def test_visa_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "secret.png").touch()
    table = VISA_CSV + (
        "candle,train,normal,candle/Data/Images/Normal/0999.JPG,\n"
        "candle,train,normal,candle/../capsules/Data/Images/Normal/0000.JPG,\n"
        "candle,train,normal,secret.png,\n"
        "candle,validation,normal,candle/Data/Images/Normal/0000.JPG,\n"
    )
    images = read_images(visa(tmp_path, table) / "candle")
    assert len(images) == 4
    assert [one.name.rsplit("/", 1)[-1] for one in images.skipped] == [
        "0000.JPG",
        "0000.JPG",
        "0999.JPG",
        "secret.png",
    ]
    assert any("'validation'" in one.reason for one in images.skipped)


@pytest.mark.parametrize(
    ("table", "reason"),
    [("object,image\ncandle,x\n", "no column split, label, mask"), ("\x00\xff", "as CSV|no column")],
)
def test_a_visa_table_that_is_none(tmp_path: Path, table: str, reason: str) -> None:
    root = visa(tmp_path, "")
    (root / "split_csv/1cls.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(ImagesError, match=reason):
        read_images(root / "candle", layout="visa")


def test_a_link_from_test_into_train_counts_in_both(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/good/1.png", "test/bad/2.png")
    (root / "test" / "good").mkdir()
    (root / "test" / "good" / "1.png").symlink_to(root / "train" / "good" / "1.png")
    assert [one.name for one in read_images(root)] == [
        "train/good/1.png",
        "test/bad/2.png",
        "test/good/1.png",
    ]
