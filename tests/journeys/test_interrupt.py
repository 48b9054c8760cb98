"""Ctrl-C: status 130, no traceback, nothing half-written, and of a long prediction what was done until then."""

import csv
import signal
import time

import pytest

MANY = 300


@pytest.fixture
def many(parts, tmp_path):
    """Enough images to be in the middle of the work for some seconds."""
    return parts(tmp_path / "many", MANY)


def interrupt(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    return out, err


@pytest.mark.slow
@pytest.mark.usefixtures("many")
def test_an_interrupted_fit_leaves_the_model_of_last_week(start, tmp_path):
    (tmp_path / "line7.sieve").write_bytes(b"last week")
    before = set(tmp_path.iterdir())
    running = start("fit", "many", "--out", "line7.sieve")
    while "memory at most" not in running.stderr.readline():
        assert running.poll() is None
    interrupt(running)
    assert set(tmp_path.iterdir()) == before
    assert (tmp_path / "line7.sieve").read_bytes() == b"last week"


@pytest.mark.slow
def test_an_interrupted_prediction_keeps_the_rows_that_are_done(start, model_file, many, tmp_path):
    running = start("predict", model_file, many, "--out", "results", "--overlays")
    overlays = tmp_path / "results" / "overlays"
    # The 17th overlay belongs to the second batch: the first one is done.
    while not (overlays.is_dir() and len(list(overlays.glob("*.png"))) > 16):
        assert running.poll() is None
        time.sleep(0.005)
    _, err = interrupt(running)
    with (tmp_path / "results" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert 16 <= len(rows) < MANY
    assert f"{len(rows)} of {MANY} images are in" in err
    assert all(row["verdict"] in ("good", "defect") for row in rows)
    assert [row["image"] for row in rows] == [f"part_{index:02}.png" for index in range(len(rows))]
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]
