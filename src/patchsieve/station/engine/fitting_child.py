"""Makes a new version of a model in a process of its own: the program of `JobProcess`.

It is run as `python -P -m patchsieve.station.engine.fitting_child REQUEST.json`, with standard input held open by the
station: when that ends, the station is gone, and so is this. On standard output go lines of JSON: as it goes on
`{"stage": "embedding", "done": 0.4}`, and at the end `{"result": {...}}`, a `FitResult`, or `{"error": "in words"}`.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import IO

from patchsieve.errors import PatchSieveError
from patchsieve.progress import Progress, Stage
from patchsieve.station.engine.fit_forms import FitRequest
from patchsieve.station.engine.fitting import fit_version

# Often enough for an eye, seldom enough for a database.
_EVERY_SECONDS = 0.25


class _Told:
    """Progress as lines of JSON."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines

    def stage(self, title: str, total: int) -> Stage:
        return _ToldStage(self._lines, title, total)

    def end(self, stage: Stage) -> None:
        """Nothing is said: the next stage says that this one is over."""


class _ToldStage:
    def __init__(self, lines: IO[str], title: str, total: int) -> None:
        self._lines = lines
        self._title = title
        self._total = max(1, total)
        self._done = 0
        self._said = 0.0
        self._say()

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        if self._done >= self._total or monotonic() - self._said >= _EVERY_SECONDS:
            self._say()

    def _say(self) -> None:
        self._said = monotonic()
        _say(self._lines, {"stage": self._title, "done": min(1.0, self._done / self._total)})


def _say(lines: IO[str], what: dict[str, object]) -> None:
    lines.write(f"{json.dumps(what)}\n")
    lines.flush()


def _end_with_the_station() -> None:
    # Read without a lock of Python's: a thread that waits here must not hold up the end of the process.
    while os.read(0, 1):
        pass
    os._exit(3)


def main(request_file: Path) -> int:
    """Do what the request says; return the exit status."""
    # What libraries print shall not stand among our lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_station, daemon=True).start()
    # Parts on the line come first.
    os.nice(10)
    told: Progress = _Told(lines)
    try:
        request = FitRequest.model_validate_json(request_file.read_bytes())
        result = fit_version(request, told)
    except PatchSieveError as error:
        _say(lines, {"error": str(error)})
        return 1
    _say(lines, {"result": result.model_dump(mode="json")})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
