"""The work itself: take what has arrived, judge it, note it, write it, put the file away, and so on."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any

from patchsieve.runtime.streams.arrivals import Arrival, Source
from patchsieve.runtime.streams.day_files import DayFiles
from patchsieve.runtime.streams.delivery import Delivery
from patchsieve.runtime.streams.journal import Entry, Journal
from patchsieve.runtime.streams.placing import OccupiedError, delete, free_place, move
from patchsieve.runtime.streams.scoring import BROKEN, Outcome, Scorer

REPEATED = "repeated"

_TRY_PLACING_EVERY = 10.0


class After(StrEnum):
    """What becomes of a file that is done."""

    keep = "keep"
    move = "move"
    delete = "delete"


@dataclass(slots=True)
class Summary:
    """What a run has done.

    Attributes:
        verdicts: how many parts had which verdict.
        repeated: files that came again with the same content under the same name.
        seconds: of the whole run.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    seconds: float = 0.0


class Watcher:
    """Judges what arrives from a source, each part once, whatever happens in between.

    For each part, in this order: it is judged; its picture is drawn; the journal notes it together with the messages
    to be sent; its line is written; its file is moved. An end at any moment before the journal's note leaves a part
    that arrives again, one after it leaves work that `recover` finishes.

    Args:
        source: where parts come from.
        scorer: judges them.
        journal: remembers.
        folder: of the results; also the one to which files are moved.
        after: what becomes of files.
        batch_size: most parts that are scored together.
        forget_after: days after which the journal forgets what no file in the folder needs, see `Journal.forget`.
        deliveries: of messages.
        draw: writes the picture of an outcome to a path; None for no pictures.
        show: takes each outcome as it is done.
        tell: takes a sentence for the person.
    """

    def __init__(
        self,
        source: Source,
        scorer: Scorer,
        journal: Journal,
        folder: Path,
        *,
        after: After = After.keep,
        batch_size: int = 8,
        forget_after: int = 90,
        deliveries: Sequence[Delivery] = (),
        draw: Callable[[Outcome, Path], None] | None = None,
        show: Callable[[Outcome], None],
        tell: Callable[[str], None],
    ) -> None:
        self._source = source
        self._scorer = scorer
        self._journal = journal
        self._folder = folder
        self._after = after
        self._batch_size = batch_size
        self._forget_after = forget_after
        self._forgot_on: date | None = None
        self._deliveries = deliveries
        self._draw = draw
        self._show = show
        self._tell = tell
        self._days = DayFiles(folder, journal)
        self._unplaced: list[Entry] = []
        self._next_placing = 0.0

    def recover(self) -> None:
        """Finish what an earlier run had noted and could not finish. Raises `PatchSieveError`."""
        self._days.repair()
        self._place(self._journal.unplaced())

    def run(self, stop: threading.Event) -> Summary:
        """Work until the source has ended or `stop` is set; parts in work are finished.

        Raises:
            PatchSieveError: the journal or the results cannot be written.
        """
        summary, started = Summary(), monotonic()
        while not stop.is_set():
            arrivals = self._source.take(self._batch_size)
            if arrivals:
                self._handle(arrivals, summary)
            elif self._source.ended:
                break
            else:
                stop.wait(self._source.pause)
            if self._unplaced and monotonic() >= self._next_placing:
                self._place(self._unplaced)
        summary.seconds = monotonic() - started
        return summary

    def _handle(self, arrivals: Sequence[Arrival], summary: Summary) -> None:
        repeated = [arrival for arrival in arrivals if arrival.repeated]
        for arrival in repeated:
            self._put_aside(arrival)
        summary.repeated += len(repeated)
        new = [arrival for arrival in arrivals if not arrival.repeated]
        if not new:
            return
        outcomes = self._scorer.score(new)
        time = datetime.now().astimezone()
        taken: set[Path] = set()
        entries = [
            self._entry(number, outcome, time, taken)
            for number, outcome in enumerate(outcomes, self._journal.next_number)
        ]
        messages = [
            (delivery.spool.sink, entry.number, entry.result.encode())
            for delivery in self._deliveries
            for entry in entries
        ]
        self._journal.finish(entries, messages)
        for delivery in self._deliveries:
            delivery.added(len(entries))
        self._days.append(entries[0].day, [entry.result for entry in entries])
        self._forget(time.date())
        self._place([entry for entry in entries if not entry.placed])
        for outcome in outcomes:
            summary.verdicts[outcome.verdict] += 1
            self._show(outcome)

    def _forget(self, today: date) -> None:
        if self._forgot_on != today:
            self._forgot_on = today
            self._journal.forget((today - timedelta(days=self._forget_after)).isoformat())

    def _entry(self, number: int, outcome: Outcome, time: datetime, taken: set[Path]) -> Entry:
        arrival = outcome.arrival
        line = {"id": self._journal.id_of(number), "time": time.isoformat(timespec="milliseconds")}
        line |= _described(outcome, self._scorer)
        if self._draw is not None and outcome.result is not None and outcome.verdict != "good":
            picture = f"overlays/{arrival.name}.{number}.png"
            self._draw(outcome, self._folder / picture)
            line["overlay"] = picture
        destination = None
        if self._after is After.move and self._source.moves:
            destination = free_place(self._folder / outcome.verdict, arrival.name, number, taken)
            taken.add(destination)
        # What is broken was not judged: it is never deleted.
        deleted = self._after is After.delete and self._source.moves and outcome.verdict != BROKEN
        return Entry(
            number=number,
            source=arrival.source,
            signature=arrival.signature,
            sha256=arrival.sha256,
            day=time.date().isoformat(),
            verdict=outcome.verdict,
            result=json.dumps(line, ensure_ascii=False),
            destination=None if destination is None else str(destination),
            placed=destination is None and not deleted,
            frame=arrival.frame,
        )

    def _place(self, entries: Sequence[Entry]) -> None:
        placed, failed, reason = [], [], ""
        for entry in entries:
            try:
                self._place_one(entry)
                placed.append(entry.number)
            except OSError as error:
                failed.append(entry)
                reason = f"{entry.source}: {error.strerror or error}"
        self._journal.placed(placed)
        if failed and not self._unplaced:
            self._tell(f"cannot move or delete {reason}; it is judged and noted, and tried again later")
        kept = [entry for entry in self._unplaced if entry.number not in {one.number for one in entries}]
        self._unplaced = kept + failed
        self._next_placing = monotonic() + _TRY_PLACING_EVERY

    def _place_one(self, entry: Entry) -> None:
        if entry.signature is None:
            return
        if entry.destination is None:
            delete(Path(entry.source), entry.signature)
            return
        target = Path(entry.destination)
        name = target.name
        while True:
            try:
                if not move(Path(entry.source), target, entry.signature, entry.sha256):
                    self._tell(f"{entry.source} was taken away or replaced before it could be moved")
                return
            except OccupiedError:
                target = free_place(target.parent, name, entry.number)
                self._journal.redirect(entry.number, str(target))

    def _put_aside(self, arrival: Arrival) -> None:
        """Note or put away a file that came again."""
        if arrival.signature is None:
            return
        self._journal.touch(arrival.source, arrival.signature)
        self._tell(f"{arrival.name} came again with the same content; it is not judged again")
        with suppress(OSError, OccupiedError):
            if self._after is After.delete:
                delete(Path(arrival.source), arrival.signature)
            elif self._after is After.move:
                target = free_place(self._folder / REPEATED, arrival.name, self._journal.next_number)
                move(Path(arrival.source), target, arrival.signature, arrival.sha256)


def _described(outcome: Outcome, scorer: Scorer) -> dict[str, Any]:
    """Return the fields of a line that say what was found out about which part."""
    arrival, result = outcome.arrival, outcome.result
    line: dict[str, Any] = {"image": arrival.name, "verdict": outcome.verdict}
    for name in ("score", "threshold", "peak_x", "peak_y", "seconds"):
        line[name] = None
    if result is not None:
        line |= {
            "score": float(result.scores[0]),
            "threshold": float(result.threshold),
            "peak_x": int(result.peaks[0, 0]),
            "peak_y": int(result.peaks[0, 1]),
            "seconds": round(float(result.seconds[0]), 4),
        }
    line |= {"note": outcome.note, "model": scorer.name, "operating_point": scorer.operating_point}
    line |= {"source": arrival.source.encode("utf-8", "backslashreplace").decode()}
    if arrival.signature is not None:
        line |= {"bytes": arrival.signature.size, "sha256": arrival.sha256}
    if arrival.frame is not None:
        line |= {"frame": arrival.frame, "at": arrival.at}
    return line
