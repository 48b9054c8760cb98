"""Jobs as real processes: what they make, how they are stopped, and what they leave behind."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from patchsieve.detectors import load
from patchsieve.station.engine import FitRequest, FitResult, JobEnd, JobRunner
from patchsieve.station.engine.fit_forms import Correction, Past
from patchsieve.station.engine.fitting import fit_version


class Heard:
    """What a runner tells."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.progress: list[tuple[str, str, float]] = []
        self.ends: dict[str, JobEnd] = {}
        self.changed = threading.Condition()

    def runner(self, folder: Path) -> JobRunner:
        return JobRunner(folder, began=self._began, went_on=self._went_on, ended=self._ended)

    def _began(self, job: str) -> None:
        with self.changed:
            self.began.append(job)
            self.changed.notify_all()

    def _went_on(self, *what: Any) -> None:
        with self.changed:
            self.progress.append(what)
            self.changed.notify_all()

    def _ended(self, job: str, end: JobEnd) -> None:
        with self.changed:
            self.ends[job] = end
            self.changed.notify_all()

    def wait(self, until: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(until, timeout=60), (self.began, self.progress[-3:], self.ends)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def runner(heard: Heard, tmp_path: Path) -> Iterator[JobRunner]:
    runner = heard.runner(tmp_path / "jobs")
    yield runner
    runner.close()


def correction(file: Path, **more: Any) -> Correction:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Correction(inspection_id=digest[:8], name=file.name, file=file, sha256=digest, **more)


def request_for(model: Path, folder: Path, **more: Any) -> FitRequest:
    return FitRequest(
        **{
            "kind": "refit",
            "model": model,
            "out": folder / "new.sieve",
            "cache": folder / "cache",
            "device": "cpu",
        }
        | more
    )


def test_a_refit_drops_what_is_marked_learns_corrections_and_says_what_changed(
    small_model: Path, tmp_path: Path, parts: Callable[..., Path]
) -> None:
    new = parts(tmp_path / "new", 3, 2, first=400)
    files = sorted(new.iterdir())
    model = load(small_model, device="cpu")
    points = model.operating_points_.header()
    points["points"].append(
        {"name": "strict", "threshold": 1.25, "rule": "value 1.25", "words": [], "evidence": {}}
    )
    result = fit_version(
        request_for(
            small_model,
            tmp_path,
            points=points,
            drop=("part_24.png", "part_25.png"),
            keep=("part_00.png",),
            good=[correction(file) for file in files[:3]],
            defects=[correction(files[3], boxes=[(30, 30, 60, 60)]), correction(files[4])],
            history=[
                Past(
                    inspection_id=f"i{index}",
                    name=file.name,
                    file=file,
                    human="defect" if index > 2 else "good",
                )
                for index, file in enumerate(files)
            ]
            + [Past(inspection_id="gone", name="gone.png", file=tmp_path / "gone.png")],
        )
    )
    fresh = load(tmp_path / "new.sieve", device="cpu")
    assert result.dropped == ("part_24.png", "part_25.png")
    assert result.before.images == 28
    assert result.after.images == len(fresh.training_.images) == 29
    assert len(result.learnt) == 3
    assert len(result.rejected) == 2
    assert result.after.kept == 1
    assert {point.name: (point.before, point.after) for point in result.points} == {
        "default": (model.threshold_, fresh.threshold_),
        "strict": (1.25, 1.25),
    }
    assert fresh.operating_points_["strict"].threshold == 1.25
    assert result.history.images == result.history.judged == 5
    assert 0 <= result.history.right_before <= 5
    assert len(result.history.changed) <= 5
    scores = fresh.predict(files).scores
    alarms = int((scores > fresh.threshold_).sum())
    assert result.history.alarms_after == alarms
    assert any("gone" in note for note in result.notes)
    assert FitResult.model_validate_json(result.model_dump_json()) == result
    # A refit of the refit finds the parts of the history among its training images again.
    again = fit_version(request_for(tmp_path / "new.sieve", tmp_path / "again", drop=("part_26.png",)))
    assert again.after.images == 28


def test_an_update_with_nothing_new_says_so(small_model: Path, tmp_path: Path) -> None:
    from patchsieve.errors import ImagesError

    known = Path(load(small_model, device="cpu").training_.images[0].path or "")
    request = request_for(small_model, tmp_path, kind="update", good=[correction(known)])
    with pytest.raises(ImagesError, match="nothing new"):
        fit_version(request)
    assert not (tmp_path / "new.sieve").exists()


def test_a_job_runs_in_a_process_of_its_own_and_tells_how_far_it_is(
    runner: JobRunner, heard: Heard, small_model: Path, tmp_path: Path
) -> None:
    runner.start("one", request_for(small_model, tmp_path, drop=("part_24.png",)))
    runner.start("two", request_for(small_model, tmp_path, out=tmp_path / "2.sieve", drop=("no-such.png",)))
    heard.wait(lambda: len(heard.ends) == 2)
    assert heard.began == ["one", "two"]
    assert heard.ends["one"].state == "done"
    result = FitResult.model_validate(heard.ends["one"].result)
    assert result.after.images == 27
    assert load(tmp_path / "new.sieve", device="cpu").threshold_ == pytest.approx(result.after.threshold)
    assert {job for job, _, _ in heard.progress} == {"one"}
    assert all(0 <= done <= 1 for _, _, done in heard.progress)
    assert heard.progress[-1][2] == 1.0
    assert heard.ends["two"].state == "failed"
    assert "no-such.png" in str(heard.ends["two"].error)
    assert not (tmp_path / "2.sieve").exists()


def test_a_job_at_work_or_waiting_is_cancelled_at_once(
    runner: JobRunner, heard: Heard, small_model: Path, tmp_path: Path
) -> None:
    runner.start("working", request_for(small_model, tmp_path, drop=("part_24.png",)))
    runner.start("waiting", request_for(small_model, tmp_path, drop=("part_25.png",)))
    heard.wait(lambda: heard.began)
    assert runner.cancel("waiting")
    assert heard.ends["waiting"].state == "cancelled"
    assert runner.cancel("working")
    heard.wait(lambda: len(heard.ends) == 2)
    assert heard.ends["working"].state == "cancelled"
    assert heard.began == ["working"]
    assert not runner.cancel("working")
    assert not (tmp_path / "new.sieve").exists()


def test_a_process_that_breaks_down_is_a_failed_job_and_the_end_of_the_station_interrupts(
    heard: Heard, small_model: Path, tmp_path: Path
) -> None:
    runner = heard.runner(tmp_path / "jobs")
    runner.start("killed", request_for(small_model, tmp_path, drop=("part_24.png",)))
    heard.wait(lambda: heard.began)
    while not (pids := fitting_processes(tmp_path)):
        time.sleep(0.01)
    os.kill(pids[0], signal.SIGKILL)
    heard.wait(lambda: "killed" in heard.ends)
    assert heard.ends["killed"].state == "failed"
    assert "broke down" in str(heard.ends["killed"].error)
    runner.start("working", request_for(small_model, tmp_path, drop=("part_24.png",)))
    runner.start("waiting", request_for(small_model, tmp_path, drop=("part_25.png",)))
    heard.wait(lambda: "working" in heard.began)
    runner.close()
    assert heard.ends["working"].state == heard.ends["waiting"].state == "interrupted"
    assert not fitting_processes(tmp_path)


@pytest.mark.slow
def test_who_listens_badly_does_not_stop_the_jobs_that_wait(small_model: Path, tmp_path: Path) -> None:
    told: list[str] = []
    done = threading.Event()

    def ended(job: str, end: JobEnd) -> None:
        told.append(f"{job}: {end.state}")
        if job == "one":
            raise OSError("the database is away")
        done.set()

    runner = JobRunner(tmp_path / "jobs", began=lambda _: None, went_on=lambda *_: None, ended=ended)
    for job in ("one", "two"):
        runner.start(job, request_for(small_model, tmp_path, drop=("no-such.png",)))
    assert done.wait(120)
    assert told == ["one: failed", "two: failed"]
    runner.close()


def test_a_job_does_not_outlive_a_station_that_was_killed(small_model: Path, tmp_path: Path) -> None:
    request = request_for(small_model, tmp_path, drop=("part_24.png",))
    program = f"""
from pathlib import Path
from patchsieve.station.engine import FitRequest, JobRunner
import time
runner = JobRunner(Path({str(tmp_path / "jobs")!r}), began=print, went_on=print, ended=print)
runner.start("one", FitRequest.model_validate_json({request.model_dump_json()!r}))
time.sleep(60)
"""
    station = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not fitting_processes(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    station.kill()
    station.wait()
    while fitting_processes(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (tmp_path / "new.sieve").exists()


def fitting_processes(folder: Path) -> list[int]:
    """Return the processes at work on requests below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if (
            f"{folder}/jobs/" in command
            and "fitting_child" in command
            and "-c\0" not in command
            and state != "Z"
        ):
            found.append(int(process.name))
    return found
