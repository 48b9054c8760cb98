"""A line that runs: parts arrive while the watcher is killed and started again, until a person ends it."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

MANY = 60
QUICK = ("--poll", "0.05", "--settle", "0.2")
# Every other file, each in three pieces under its final name, as a camera's FTP client writes it.
WRITER = """
import sys, time
from pathlib import Path
source, target = map(Path, sys.argv[1:3])
for file in sorted(source.iterdir())[int(sys.argv[3]) :: 2]:
    data = file.read_bytes()
    third = 1 + len(data) // 3
    with (target / file.name).open("wb") as stream:
        for start in range(0, len(data), third):
            stream.write(data[start : start + third])
            stream.flush()
            time.sleep(0.04)
"""


@pytest.fixture
def hook():
    """A receiver of webhooks, and what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            # Every tenth attempt fails.
            status = 503 if random.random() < 0.1 else 200
            if status == 200:
                got.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()


def lines_in(results):
    files = sorted(results.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def written(results):
    return sum(file.stat().st_size for file in results.glob("*.jsonl"))


@pytest.mark.slow
def test_killed_again_and_again_it_judges_each_part_once(start, model_file, parts, hook, tmp_path):
    source = parts(tmp_path / "source", MANY - 6, 6)
    (source / "part_30b.png").write_bytes((source / "part_30.png").read_bytes()[:2000])
    incoming, results = tmp_path / "incoming", tmp_path / "results"
    incoming.mkdir()
    address, got = hook
    arguments = ("watch", model_file, "incoming", "--out", "results", "--after", "move", *QUICK)
    arguments += ("--patience", "5", "--batch-size", "4", "--sink", address)
    for portion in "01":
        done = written(results)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, source, incoming, portion])
        running = start(*arguments)
        while written(results) == done:
            assert running.poll() is None
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.3))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        writer.wait()
    running = start(*arguments)
    seen = time.monotonic()
    while len({one["id"] for one in got}) <= MANY and time.monotonic() - seen < 60:
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    lines = lines_in(results)
    assert Counter(line["image"] for line in lines) == Counter(path.name for path in source.iterdir())
    assert len(lines) == MANY + 1
    assert not list(incoming.iterdir())
    for line in lines:
        assert (results / line["verdict"] / line["image"]).read_bytes() == (
            source / line["image"]
        ).read_bytes()
    verdicts = Counter(line["verdict"] for line in lines)
    assert verdicts["broken"] == 1
    assert verdicts["defect"] >= 6
    # At least once to the receiver, who knows repeats by their id.
    assert {one["id"]: one for one in got} == {line["id"]: line for line in lines}
    assert " parts in " in err
    assert len(out.splitlines()) == int(err.splitlines()[-1].split(" parts")[0])


def test_a_person_ends_it_and_gets_a_summary(start, model_file, parts, tmp_path):
    incoming = parts(tmp_path / "incoming", 4, 1)
    running = start("watch", model_file, "incoming", "--out", "results", "--overlays", *QUICK)
    out = [running.stdout.readline() for _ in range(5)]
    shutil.copy(incoming / "part_00.png", incoming / "copy.png")
    out.append(running.stdout.readline())
    os.kill(running.pid, signal.SIGINT)
    rest, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert rest == ""
    assert [line.split()[2] for line in out] == [*(f"part_{index:02}.png" for index in range(5)), "copy.png"]
    assert out[4].startswith("defect")
    lines = lines_in(tmp_path / "results")
    assert err.splitlines()[-1].startswith("6 parts in ")
    assert (tmp_path / "results" / lines[4]["overlay"]).read_bytes().startswith(b"\x89PNG")
    assert "overlay" not in lines[0]


def test_what_is_wrong_is_said_before_the_first_part(patchsieve, model_file, parts, tmp_path):
    incoming = parts(tmp_path / "incoming", 1)
    done = patchsieve(
        "watch", model_file, incoming, "--out", tmp_path / "results", "--operating-point", "none"
    )
    assert (done.code, "none" in done.err) == (2, True)
    done = patchsieve("watch", model_file, tmp_path / "nowhere", "--out", tmp_path / "results")
    assert (done.code, "there is no" in done.err) == (2, True)
