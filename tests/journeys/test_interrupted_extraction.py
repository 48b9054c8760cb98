"""A fit with a cache that is killed in the middle of the extraction: the next one embeds the rest, the same model."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from safetensors.numpy import load_file

from patchsieve import PatchCore

IMAGES = 160
FLAGS = (
    "--detector",
    "patchcore",
    "--bank-size",
    200,
    "--image-size",
    64,
    "--crop",
    "none",
    "--device",
    "cpu",
)
# Features that take more than nothing are kept in a file: what a set of many gigabytes would do.
SMALL_SHARE = """
import sys
from patchsieve.cli import main
from patchsieve.detectors import budget

budget._FEATURES_SHARE = 0.0
main()
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory, parts):
    """Enough images to be in the middle of the work for a moment."""
    return parts(tmp_path_factory.mktemp("images") / "many", IMAGES)


@pytest.fixture(scope="module")
def expected(many):
    """The model of a fit that nobody interrupts and that has no cache."""
    return PatchCore(bank_size=200, image_size=64, crop=None, device="cpu").fit(many)


def rows(cache):
    """Return how many images the index of a cache names, 0 where there is none yet."""
    found = list(cache.glob("*/index.sqlite"))
    if not found:
        return 0
    try:
        index = sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True)
        (count,) = index.execute("SELECT COUNT(*) FROM images").fetchone()
    except sqlite3.OperationalError:
        # The table is just being made.
        return 0
    index.close()
    return count


def stop_in_the_middle(running, cache, how):
    while rows(cache) < 16:
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)
    running.send_signal(how)
    _, err = running.communicate(timeout=60)
    assert running.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in err
    done = rows(cache)
    assert 16 <= done < IMAGES
    return done


def assert_is(file, model):
    tensors = load_file(file)
    assert tensors["bank.origins"].tobytes() == model.bank_.origins.numpy().tobytes()
    assert tensors["bank.features"].tobytes() == model.bank_.features.numpy().tobytes()
    assert tensors["training.scores"].tobytes() == model.training_.scores.tobytes()
    assert tensors["training.patch_maps"].tobytes() == model.training_.patch_maps.numpy().tobytes()


@pytest.mark.slow
def test_after_a_kill_the_next_fit_embeds_only_the_rest(start, process, many, expected, tmp_path):
    command = ("fit", many, *FLAGS, "--cache", "cache", "--out", "line7.sieve")
    done = stop_in_the_middle(start(*command), tmp_path / "cache", signal.SIGKILL)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    # What was being written when it stopped, at the worst.
    with next((tmp_path / "cache").glob("*/features")).open("ab") as stream:
        stream.write(b"\xff" * 100_001)
    finished = process(*command)
    assert f" {IMAGES - done}/{IMAGES - done} " in finished.stderr
    assert rows(tmp_path / "cache") == IMAGES
    assert_is(tmp_path / "line7.sieve", expected)


@pytest.mark.slow
def test_after_ctrl_c_the_cache_serves_the_library_too(start, many, expected, tmp_path):
    running = start("fit", many, *FLAGS, "--cache", "cache", "--out", "line7.sieve")
    done = stop_in_the_middle(running, tmp_path / "cache", signal.SIGINT)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    model = PatchCore(**expected.get_params()).fit(many, cache=tmp_path / "cache")
    assert (model.training_.seconds == 0).sum() == done
    model.save(tmp_path / "line7.sieve")
    assert_is(tmp_path / "line7.sieve", expected)


@pytest.mark.slow
def test_two_that_fill_the_same_cache_at_once_agree(start, many, expected, tmp_path):
    both = [
        start("fit", many, *FLAGS, "--cache", "cache", "--out", name) for name in ("one.sieve", "two.sieve")
    ]
    for running in both:
        _, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
    assert rows(tmp_path / "cache") == IMAGES
    for name in ("one.sieve", "two.sieve"):
        assert_is(tmp_path / name, expected)


@pytest.mark.slow
def test_embeddings_beside_the_model_outlive_an_interruption_and_go_with_the_model(many, expected, tmp_path):
    command = [sys.executable, "-c", SMALL_SHARE, "fit", many, *FLAGS, "--out", "line7.sieve"]
    command = [str(word) for word in command]
    running = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    waiting = tmp_path / "line7.sieve.embeddings"
    done = stop_in_the_middle(running, waiting, signal.SIGKILL)
    assert waiting.is_dir()
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert f" {IMAGES - done}/{IMAGES - done} " in finished.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line7.html", "line7.sieve"]
    assert_is(tmp_path / "line7.sieve", expected)
