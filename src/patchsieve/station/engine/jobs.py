"""Long work, one at a time, each in a process of its own that can be stopped at any moment."""

import json
import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal

from patchsieve.files import write_text
from patchsieve.station.engine.fit_forms import FitRequest

_PROGRAM = "patchsieve.station.engine.fitting_child"
_LOG_TAIL = 2000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended.

    Attributes:
        state: as in the table of jobs.
        result: a `FitResult` as JSON has it, where it is done.
        error: in words for people, where it failed.
        detail: the end of what the process printed, where it broke down: for the log.
    """

    state: Literal["done", "failed", "cancelled", "interrupted"]
    result: dict[str, Any] | None = None
    error: str | None = None
    detail: str = ""


class JobRunner:
    """Runs jobs in the order in which they come.

    Args:
        folder: each job has one of its own in it, with its request and what its process printed.
        began: told the id of a job when its process begins.
        went_on: told id, stage in words and how much of the stage is done, 0 to 1.
        ended: told id and end. The next job begins when it returns.
    """

    def __init__(
        self,
        folder: Path,
        *,
        began: Callable[[str], None],
        went_on: Callable[[str, str, float], None],
        ended: Callable[[str, JobEnd], None],
    ) -> None:
        self._folder = folder
        self._began = began
        self._went_on = went_on
        self._ended = ended
        self._changed = Condition()
        self._waiting: deque[tuple[str, FitRequest]] = deque()
        self._current: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped: Literal["cancelled", "interrupted"] | None = None
        self._closing = False
        self._thread = Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def start(self, job_id: str, request: FitRequest) -> None:
        """Put a job behind those that wait."""
        with self._changed:
            self._waiting.append((job_id, request))
            self._changed.notify_all()

    def cancel(self, job_id: str) -> bool:
        """Stop a job at once; return whether it was waiting or at work. Its end is told as that of any job."""
        with self._changed:
            for waiting in self._waiting:
                if waiting[0] == job_id:
                    self._waiting.remove(waiting)
                    break
            else:
                if self._current != job_id:
                    return False
                self._stop("cancelled")
                return True
        self._ended(job_id, JobEnd("cancelled"))
        return True

    def close(self) -> None:
        """Stop the job at work, as interrupted, and those that wait likewise."""
        with self._changed:
            self._closing = True
            self._stop("interrupted")
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()
        for job_id, _ in waiting:
            self._ended(job_id, JobEnd("interrupted"))

    def _stop(self, how: Literal["cancelled", "interrupted"]) -> None:
        self._stopped = self._stopped or how
        if self._process is not None:
            # Files are written whole or not at all, so nothing is left half-done.
            self._process.kill()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._waiting)
                if self._closing:
                    return
                job_id, request = self._waiting.popleft()
                self._current, self._stopped = job_id, None
            try:
                self._began(job_id)
                end = self._run(job_id, request)
            except Exception as error:  # a full disk, no process to be had: the next job may still be done
                end = JobEnd("failed", error=str(error), detail=repr(error))
            with self._changed:
                if self._stopped is not None and end.state != "done":
                    end = JobEnd(self._stopped)
                self._current = self._process = None
            try:
                self._ended(job_id, end)
            except Exception:  # the jobs that wait are still to be done
                _log.exception("the end of job %s (%s) could not be told", job_id, end.state)

    def _run(self, job_id: str, request: FitRequest) -> JobEnd:
        folder = self._folder / job_id
        write_text(folder / "request.json", request.model_dump_json(indent=2))
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROGRAM, str(folder / "request.json")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
            with process:
                with self._changed:
                    self._process = process
                    if self._stopped is not None:
                        process.kill()
                end = self._heard(job_id, process)
        if end is not None:
            return end
        printed = (folder / "log.txt").read_text("utf-8", "replace")[-_LOG_TAIL:]
        return JobEnd(
            "failed",
            error="the process that fitted the model broke down, perhaps for want of memory; the log says more",
            detail=f"status {process.returncode}: {printed}",
        )

    def _heard(self, job_id: str, process: subprocess.Popen[bytes]) -> JobEnd | None:
        """Pass progress on and return what the process says at its end; None where it ended without a word."""
        assert process.stdout is not None
        end = None
        for line in process.stdout:
            said = json.loads(line)
            if "stage" in said:
                self._went_on(job_id, said["stage"], float(said["done"]))
            elif "result" in said:
                end = JobEnd("done", result=said["result"])
            else:
                end = JobEnd("failed", error=said["error"])
        return end
