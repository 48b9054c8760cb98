"""Killed at any line of the program, the watcher loses no part and repeats none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_killed_anywhere_nothing_is_lost_and_nothing_done_twice(tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / "crashing.py", tmp_path, "7", "97"],
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # As many as it takes to come to the end of the work.
    assert int(done.stdout) > 20
