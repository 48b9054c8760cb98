"""From a folder that nobody sorted to verdicts, to the suspects among the training images, and to a cleaner model."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import patchsieve

DEFECTIVE = {f"part_{index}.png" for index in range(24, 28)}
IMAGE_DESCRIPTION = 270


def read_table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_the_whole_way(process, parts, tmp_path, read_page):
    parts(tmp_path / "line7", 24, 4)
    parts(tmp_path / "today", 5, 3, first=600)

    checked = process("check", "line7")
    assert "line7: 28 images, layout folder" in checked.stdout

    small = ("--image-size", "64", "--crop", "none")
    fit = process("fit", "line7", "--out", "line7.sieve", *small)
    assert "memory at most" in fit.stderr
    assert "embedding" in fit.stderr
    assert "model: line7.sieve" in fit.stderr
    page = read_page(tmp_path / "line7.html")
    assert all(name in page.text for name in DEFECTIVE)
    assert "patchsieve predict line7.sieve" in page.text
    assert "efficientnet_lite0" in page.text
    assert page.pictures >= 3 * len(DEFECTIVE)

    predicted_as_written(process, tmp_path)

    process("suspects", "line7.sieve", "--top", 4, "--out", "suspects")
    suspects = read_table(tmp_path / "suspects" / "suspects.csv")
    assert {row["image"] for row in suspects} == DEFECTIVE
    pictures = sorted(path.name for path in (tmp_path / "suspects").glob("*.png"))
    assert pictures == [
        *(f"{rank}_{row['image']}" for rank, row in zip(("001", "002", "003", "004"), suspects, strict=True)),
        "suspects.png",
    ]
    assert Image.open(tmp_path / "suspects" / pictures[0]).size == (96, 96)

    # The engineer keeps the first suspect: its line goes, the others are left out of the next model.
    kept = suspects[0]["image"]
    lines = (tmp_path / "suspects" / "suspects.csv").read_text().splitlines()
    (tmp_path / "defective.csv").write_text("\n".join([lines[0], *lines[2:]]))
    process("fit", "line7", "--exclude", "defective.csv", "--out", "clean.sieve", *small)
    clean = patchsieve.load(tmp_path / "clean.sieve")
    assert set(clean.training_.images.names) & DEFECTIVE == {kept}
    assert {skip.name for skip in clean.training_.skipped} == DEFECTIVE - {kept}
    assert all(row["image"] in read_page(tmp_path / "clean.html").text for row in suspects)


def predicted_as_written(process, tmp_path):
    table = process("predict", "line7.sieve", "today", "--out", "npy", "--overlays", "--maps", "npy").stdout
    shown = process("predict", "line7.sieve", "today", "--out", "tiff", "--maps", "tiff", "--format", "json")
    rows = read_table(tmp_path / "npy" / "predictions.csv")
    assert [row["verdict"] for row in rows[5:]] == ["defect"] * 3
    assert max(float(row["score"]) for row in rows[:5]) < min(float(row["score"]) for row in rows[5:])
    for row in rows:
        assert row["verdict"] == ("defect" if float(row["score"]) > float(row["threshold"]) else "good")
    assert [row["score"] for row in rows] == [repr(entry["score"]) for entry in json.loads(shown.stdout)]
    assert [line.split()[2] for line in table.splitlines()[1:]] == [row["verdict"] for row in rows]

    result = patchsieve.load(tmp_path / "line7.sieve").predict(tmp_path / "today")
    for row, score, anomaly_map, peak in zip(rows, result.scores, result.maps, result.peaks, strict=True):
        assert np.float32(row["score"]) == score
        assert [int(row["peak_x"]), int(row["peak_y"])] == peak.tolist()
        assert np.array_equal(np.load(tmp_path / "npy" / "maps" / f"{row['image']}.npy"), anomaly_map)
        with Image.open(tmp_path / "tiff" / "maps" / f"{row['image']}.tiff") as tiff:
            unit = json.loads(tiff.tag_v2[IMAGE_DESCRIPTION])["score_per_level"]
            decoded = np.asarray(tiff, dtype=np.float64) * unit
        assert np.abs(decoded - anomaly_map).max() <= 0.51 * unit
        assert Image.open(tmp_path / "npy" / "overlays" / f"{row['image']}.png").size == (96, 96)
