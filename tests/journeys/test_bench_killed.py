"""A bench that is killed goes on where it was: no experiment is lost, none is run twice."""

import sqlite3
import time
from contextlib import closing

import psutil
import pytest

COMMAND = (
    "bench", "plate", "--detectors", "patchcore,padim", "--seeds", "3", "--noise", "0,0.1", "--no-calibrate",
    "--set", "image_size=64", "--set", "crop=none", "--set", "bank_size=300",
)  # fmt: skip
ALL = 2 * 9


def finished(folder):
    path = folder / "bench" / "results.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'cells'").fetchone():
            return []
        return connection.execute("SELECT rowid, finished, scores FROM cells").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_bench_goes_on_and_leaves_no_process(start, process, labelled, tmp_path, workers):
    (tmp_path / "plate").symlink_to(labelled, target_is_directory=True)
    running = start(*COMMAND, "--workers", str(workers))
    while not finished(tmp_path):
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    children = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    before = finished(tmp_path)
    assert 0 < len(before) < ALL
    again = process(*COMMAND, "--workers", str(workers))
    assert f"{ALL} experiments, {len(before)} of them done before" in again.stderr
    after = finished(tmp_path)
    assert len(after) == ALL
    assert set(before) <= set(after)
    assert (tmp_path / "bench" / "report.html").is_file()
