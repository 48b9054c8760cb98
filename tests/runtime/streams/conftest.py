"""A journal, and a watcher that runs in a thread with a model that needs no training."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import pytest
from brightness import Brightness

from patchsieve.runtime.streams import After, Scorer, Summary, WatchSettings, watch
from patchsieve.runtime.streams.database import Database
from patchsieve.runtime.streams.journal import Journal

QUICK = {"poll": 0.02, "settle": 0.1, "patience": 0.3}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "results" / "journal.sqlite")
    yield database
    database.close()


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


@dataclass
class Run:
    """One run of the watcher.

    Attributes:
        shown: name and verdict of each part, in order.
        said: the sentences for the person.
    """

    target: Path | str
    results: Path
    settings: WatchSettings
    review: str | None = None
    model: Brightness = field(default_factory=Brightness)
    shown: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    summary: Summary | None = None
    error: BaseException | None = None

    def go(self) -> "Run":
        """Watch in this thread."""
        self.summary = watch(
            Scorer(self.model, "brightness", review=self.review),
            str(self.target),
            self.results,
            self.settings,
            stop=self.stop,
            show=lambda outcome: self.shown.append((outcome.arrival.name, outcome.verdict)),
            tell=self.said.append,
        )
        return self

    def start(self) -> "Run":
        """Watch in another thread."""
        self.thread = threading.Thread(target=self._go)
        self.thread.start()
        return self

    def _go(self) -> None:
        try:
            self.go()
        except BaseException as error:
            self.error = error

    def until(self, reached: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something is reached."""
        end = monotonic() + seconds
        while not reached():
            assert self.error is None, self.error
            assert monotonic() < end, (self.shown, self.said)
            sleep(0.01)

    def finish(self) -> "Run":
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        assert self.error is None, self.error
        return self

    @property
    def lines(self) -> list[dict[str, object]]:
        return lines_in(self.results)


def lines_in(results: Path) -> list[dict[str, object]]:
    files = sorted(results.glob("results-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Make a run: by default of `incoming`, to its end, with results in `results`."""
    (tmp_path / "incoming").mkdir()
    runs: list[Run] = []

    def make(
        target: Path | str = tmp_path / "incoming",
        *,
        results: Path = tmp_path / "results",
        review: str | None = None,
        **settings: object,
    ) -> Run:
        chosen = {**QUICK, **settings, "after": After(settings.get("after", "keep"))}
        runs.append(Run(target, results, WatchSettings(**chosen), review))
        return runs[-1]

    yield make
    for run in runs:
        run.stop.set()
        if hasattr(run, "thread"):
            run.thread.join(20)


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
