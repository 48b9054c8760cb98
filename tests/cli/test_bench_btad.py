"""The paper's Table 2 on a tree of BTAD, whose third product has too few defective images for the paper's noise."""

import csv
import json

import pytest

COMMAND = (
    "--preset", "paper-table-2", "--detectors", "patchcore", "--backbone", "efficientnet_lite0", "--seeds", 1,
    "--no-calibrate", "--examples", 0, "--set", "image_size=64", "--set", "crop=none",
)  # fmt: skip


@pytest.fixture
def btad(tmp_path, part):
    """Products 01 and 03 as BMP, the masks of 03 too; 03 has 2 defective images for 20 good ones."""
    root = tmp_path / "BTech_Dataset_transformed"
    for product, defective, mask_ending in (("01", 4, "png"), ("03", 2, "bmp")):
        kinds = {"train/ok": range(20), "test/ok": range(100, 103), "test/ko": range(200, 200 + defective)}
        for below, seeds in kinds.items():
            folder, masks = root / product / below, root / product / "ground_truth" / "ko"
            folder.mkdir(parents=True)
            masks.mkdir(parents=True, exist_ok=True)
            for seed in seeds:
                drawn = part(seed + 300 * int(product), defective=below == "test/ko")
                drawn.image.save(folder / f"{seed:04}.bmp")
                if below == "test/ko":
                    drawn.mask.save(masks / f"{seed:04}.{mask_ending}")
    return root


def test_the_third_product_is_told_apart_and_the_others_are_run(patchsieve, btad, tmp_path):
    finished = patchsieve("bench", btad, "--out", tmp_path / "b", *COMMAND)
    assert finished.code == 1
    (refusal,) = (
        line for line in finished.err.splitlines() if "03, 10 % noise, no overlap, seed 0: " in line
    )
    assert "patchcore" in refusal
    said = " ".join(finished.err.split())
    assert "needs 2 defective test images, and there are 2, one of which must stay in test" in said
    assert "1 of 6 experiments failed" in said
    assert "Failed cells (1)" in (tmp_path / "b" / "report.html").read_text(encoding="utf-8")


def test_its_defective_images_are_repeated_as_the_paper_had_to(patchsieve, btad, tmp_path):
    finished = patchsieve("bench", btad, "--out", tmp_path / "b", *COMMAND, "--too-few", "repeat")
    assert finished.code == 0, finished.err
    assert "1 of the 2 are repeats, turned and scaled a little" in " ".join(finished.err.split())
    manifests = tmp_path / "b" / "manifests"
    (alone,) = manifests.glob("*-03-noise0.1-none-seed0.json")
    entries = json.loads(alone.read_text())["entries"]
    assert [[one["kind"] for one in entry["augmentations"]] for entry in entries] == [[], ["repeat"]]
    (others,) = manifests.glob("*-01-noise0.1-none-seed0.json")
    assert not any(entry["augmentations"] for entry in json.loads(others.read_text())["entries"])
    # Beside what the paper's authors published for PatchCore: both products and the mean of the two.
    beside = tmp_path / "b" / "figures" / "published-softpatch-review-btad-image.csv"
    with beside.open(newline="", encoding="utf-8") as stream:
        rows = [(row["category"], float(row["published"])) for row in csv.DictReader(stream)]
    assert rows == [("01", 1.0), ("03", 0.999), ("mean", pytest.approx(0.9995))]
