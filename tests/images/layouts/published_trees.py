"""Small trees of exactly the shape of each published layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (8, 6)


@dataclass(frozen=True)
class Tree:
    """One data set as published, and what is to be understood of it.

    Attributes:
        layout: the layout's name.
        files: what each file is: an "image", a "mask" with a defect, an "empty" mask, or text.
        facts: (split, defective, defect, mask) by name of the image.
        marked: name of a defective image with a mask.
        token: a part of that image's name, to be written otherwise.
        source: what is read, below the tree's root.
    """

    layout: str
    files: Mapping[str, str]
    facts: Mapping[str, tuple[str | None, bool | None, str | None, str | None]]
    marked: str
    token: str
    source: str = "."


def write(root: Path, files: Mapping[str, str], translate: Callable[[str], str] = str) -> Path:
    """Write the files, all names in paths and tables translated; return their root."""
    rng = np.random.default_rng(0)
    for name, kind in files.items():
        path = root / translate(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "image":
            Image.fromarray(rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)).save(path)
        elif kind in ("mask", "empty"):
            mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
            # A single low value: masks of several kinds of defects number them.
            mask[2, 3] = kind == "mask"
            Image.fromarray(mask).save(path)
        else:
            path.write_text(translate(kind), encoding="utf-8")
    return root


def _tree(
    layout: str,
    images: Mapping[str, tuple[str | None, bool | None, str | None, str | None]],
    others: Mapping[str, str] | None = None,
    *,
    marked: str,
    token: str = "001",
    source: str = ".",
    below: str = "",
) -> Tree:
    files = {f"{below}{name}": "image" for name in images}
    # Where the mask is a folder, its files are among the others.
    files |= {f"{below}{fact[3]}": "mask" for fact in images.values() if fact[3] and Path(fact[3]).suffix}
    return Tree(layout, files | dict(others or {}), images, marked, token, source)


GOOD = (False, None, None)
VISA_TABLE = """object,split,label,image,mask
candle,train,normal,candle/Data/Images/Normal/0000.JPG,
candle,test,normal,candle/Data/Images/Normal/0002.JPG,
candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png
pcb1,train,normal,pcb1/Data/Images/Normal/0000.JPG,
"""
MANIFEST = """image,split,label,mask,defect,camera
line 7/000.png,train,good,,,a
line 7/002.png,test,ok,,,a
line 7/003.png,train,,,,b
line 7/001.png,test,bad,masks/001.png,scratch,b
"""

TREES: dict[str, Tree] = {
    "mvtec": _tree(
        "mvtec",
        {
            "train/good/000.png": ("train", *GOOD),
            "test/good/000.png": ("test", *GOOD),
            "test/broken_large/001.png": ("test", True, "broken_large", "ground_truth/broken_large/001_mask.png"),
            "test/contamination/000.png": ("test", True, "contamination", "ground_truth/contamination/000_mask.png"),
        },
        {"license.txt": "CC BY-NC-SA 4.0", "readme.txt": "MVTec AD"},
        marked="test/broken_large/001.png",
    ),
    "mpdd": _tree(
        "mvtec",
        {
            "train/good/000.png": ("train", *GOOD),
            "test/good/000.png": ("test", *GOOD),
            "test/bend_and_parts_mismatch/000.png": (
                "test", True, "bend_and_parts_mismatch", "ground_truth/bend_and_parts_mismatch/000_mask.png",
            ),
            "test/parts_mismatch/001.png": ("test", True, "parts_mismatch", "ground_truth/parts_mismatch/001_mask.png"),
        },
        marked="test/parts_mismatch/001.png",
    ),
    "mvtec_ad2": _tree(
        "mvtec_ad2",
        {
            "train/good/000_regular.png": ("train", *GOOD),
            "test_public/good/000_overexposed.png": ("test", *GOOD),
            "test_public/bad/001_shift_1.png": (
                "test", True, "bad", "test_public/ground_truth/bad/001_shift_1_mask.png",
            ),
            "test_private/000_regular.png": ("test", None, None, None),
            "test_private_mixed/000_mixed.png": ("test", None, None, None),
        },
        {"validation/good/000_regular.png": "image", "license.txt": "CC BY-NC-SA 4.0"},
        marked="test_public/bad/001_shift_1.png",
    ),
    "mvtec_loco": _tree(
        "mvtec_loco",
        {
            "train/good/000.png": ("train", *GOOD),
            "test/good/000.png": ("test", *GOOD),
            "test/logical_anomalies/017.png": ("test", True, "logical_anomalies", "ground_truth/logical_anomalies/017"),
            "test/structural_anomalies/000.png": (
                "test", True, "structural_anomalies", "ground_truth/structural_anomalies/000",
            ),
        },
        {
            "ground_truth/logical_anomalies/017/000.png": "mask",
            "ground_truth/logical_anomalies/017/001.png": "empty",
            "ground_truth/structural_anomalies/000/000.png": "mask",
            "validation/good/000.png": "image",
            "defects_config.json": '[{"defect_name": "2_additional", "pixel_value": 255, "saturation_threshold": 1}]',
        },
        marked="test/logical_anomalies/017.png",
        token="017",
    ),
    "btad 01": _tree(
        "btad",
        {
            "train/ok/0000.bmp": ("train", *GOOD),
            "test/ok/0002.bmp": ("test", *GOOD),
            "test/ko/0001.bmp": ("test", True, "ko", "ground_truth/ko/0001.png"),
        },
        marked="test/ko/0001.bmp",
    ),
    "btad 02": _tree(
        "btad",
        {
            "train/ok/0000.png": ("train", *GOOD),
            "test/ok/0002.png": ("test", *GOOD),
            "test/ko/0001.png": ("test", True, "ko", "ground_truth/ko/0001.png"),
        },
        marked="test/ko/0001.png",
    ),
    "btad 03": _tree(
        "btad",
        {
            "train/ok/0000.bmp": ("train", *GOOD),
            "test/ok/0002.bmp": ("test", *GOOD),
            "test/ko/0001.bmp": ("test", True, "ko", "ground_truth/ko/0001.bmp"),
        },
        marked="test/ko/0001.bmp",
    ),
    "visa": _tree(
        "visa",
        {
            "Data/Images/Normal/0000.JPG": ("train", *GOOD),
            "Data/Images/Normal/0002.JPG": ("test", *GOOD),
            "Data/Images/Anomaly/001.JPG": ("test", True, "anomaly", "Data/Masks/Anomaly/001.png"),
        },
        {"split_csv/1cls.csv": VISA_TABLE, "split_csv/2cls_fewshot.csv": "object\n", "candle/image_anno.csv": ""},
        marked="Data/Images/Anomaly/001.JPG",
        source="candle",
        below="candle/",
    ),
    "visa without its table": _tree(
        "visa",
        {
            "Data/Images/Normal/0000.JPG": (None, *GOOD),
            "Data/Images/Anomaly/001.JPG": (None, True, "anomaly", "Data/Masks/Anomaly/001.png"),
        },
        {"image_anno.csv": "image,label\n"},
        marked="Data/Images/Anomaly/001.JPG",
    ),
    "mtd": _tree(
        "mtd",
        {
            "MT_Free/Imgs/exp1_num_000.jpg": (None, *GOOD),
            "MT_Blowhole/Imgs/exp1_num_001.jpg": (None, True, "blowhole", "MT_Blowhole/Imgs/exp1_num_001.png"),
            "MT_Uneven/Imgs/exp2_num_000.jpg": (None, True, "uneven", "MT_Uneven/Imgs/exp2_num_000.png"),
        },
        {"MT_Free/Imgs/exp1_num_000.png": "empty", "README.md": "Magnetic tiles"},
        marked="MT_Blowhole/Imgs/exp1_num_001.jpg",
    ),
    "ksdd": _tree(
        "ksdd",
        {
            "kos01/Part0.jpg": (None, *GOOD),
            "kos01/Part5.jpg": (None, True, "defect", "kos01/Part5_label.bmp"),
            "kos50/Part0.jpg": (None, *GOOD),
        },
        {"kos01/Part0_label.bmp": "empty", "kos50/Part0_label.bmp": "empty"},
        marked="kos01/Part5.jpg",
        token="Part5",
    ),
    "ksdd2": _tree(
        "ksdd2",
        {
            "train/10000.png": ("train", *GOOD),
            "train/10301.png": ("train", True, "defect", "train/10301_GT.png"),
            "test/20001.png": ("test", True, "defect", "test/20001_GT.png"),
            "test/20000.png": ("test", *GOOD),
        },
        {"train/10000_GT.png": "empty", "test/20000_GT.png": "empty"},
        marked="test/20001.png",
        token="20001",
    ),
    "course": _tree(
        "course",
        {
            "train/good/000.jpg": ("train", *GOOD),
            "train/bad/001.jpg": ("train", True, "bad", None),
            "test/000.jpg": ("test", None, None, None),
        },
        marked="",
    ),
    "good_bad": _tree(
        "good_bad",
        {
            "good/000.png": (None, *GOOD),
            "bad/001.png": (None, True, "bad", "ground_truth/bad/001.png"),
        },
        marked="bad/001.png",
    ),
    "manifest": _tree(
        "manifest",
        {
            "line 7/000.png": ("train", *GOOD),
            "line 7/002.png": ("test", *GOOD),
            "line 7/003.png": ("train", None, None, None),
            "line 7/001.png": ("test", True, "scratch", "masks/001.png"),
        },
        {"parts.csv": MANIFEST},
        marked="line 7/001.png",
        source="parts.csv",
    ),
}  # fmt: skip
