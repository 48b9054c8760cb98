"""One model at work in this process for many who ask: images wait, and are scored a few at a time."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from patchsieve.decisions import Result
from patchsieve.runtime import Model, score_together
from patchsieve.station.engine.places import Batcher, BatchSeen, Ticket

if TYPE_CHECKING:
    from patchsieve.detectors import Detector


class MicroBatcher(Batcher):
    """Scores images by one model in a thread of its own.

    A batch begins when the model is free and `batch_size` images are there, or none that was accepted is still on its
    way, or the first of them has waited for `max_wait_seconds`. So one who asks alone never waits for others, and
    under load batches fill while the model is at work.

    Args:
        model: what scores.
        queue_size: images that are accepted at a time: on their way, waiting and being scored.
        batch_size: images that the model takes at once.
        max_wait_seconds: that the first image of a batch waits for others.
        seen: told the size and the seconds of each batch.
    """

    def __init__(
        self,
        model: Model,
        *,
        queue_size: int = 256,
        batch_size: int = 8,
        max_wait_seconds: float = 0.02,
        seen: BatchSeen = lambda _size, _seconds: None,
    ) -> None:
        super().__init__(queue_size=queue_size, seen=seen)
        self._model = model
        self._batch_size = batch_size
        self._max_wait_seconds = max_wait_seconds
        self._waiting: deque[Ticket] = deque()
        self._thread = Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """See `Batcher.close`."""
        self._stop_accepting()
        self._thread.join()

    def _take(self, ticket: Ticket) -> None:
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify_all()

    def _work(self) -> None:
        while batch := self._next():
            began = monotonic()
            answers: list[Result | Exception]
            try:
                answers = score_together(
                    self._model, [each.pixels for each in batch], [each.name for each in batch]
                )
            except Exception as error:  # whatever it is, those who come later are still to be served
                answers = [error] * len(batch)
            seconds = monotonic() - began
            # Counted first: who has the answer finds it in the figures.
            self._count(len(batch), seconds)
            for ticket, answer in zip(batch, answers, strict=True):
                ticket.answer(answer, began, seconds, len(batch))

    def _next(self) -> list[Ticket]:
        """Wait for a batch; an empty one is the end."""
        with self._changed:
            while True:
                while not self._waiting:
                    if self._closing and not self._held:
                        return []
                    self._changed.wait()
                until = self._waiting[0].since + self._max_wait_seconds
                while (
                    len(self._waiting) < min(self._batch_size, self._held)
                    and (left := until - monotonic()) > 0
                ):
                    self._changed.wait(left)
                batch: list[Ticket] = []
                while self._waiting and len(batch) < self._batch_size:
                    ticket = self._waiting.popleft()
                    if ticket.future.set_running_or_notify_cancel():
                        batch.append(ticket)
                if batch:
                    return batch


@dataclass(frozen=True, slots=True)
class ScoringHere:
    """Lets models score in this process, each in a thread of its own.

    Attributes:
        queue_size: images that each line accepts at a time.
        batch_size: images that a model takes at once.
        max_wait_seconds: that the first image of a batch waits for others.
    """

    queue_size: int = 256
    batch_size: int = 8
    max_wait_seconds: float = 0.02

    @property
    def at_once(self) -> int:
        """See `Scoring`."""
        return self.batch_size

    def batcher(self, model: "Detector", file: Path, seen: BatchSeen) -> MicroBatcher:  # noqa: ARG002 - `Scoring`'s
        """See `Scoring.batcher`."""
        height, width = model.extractor_.preprocessing.frame
        # What is only made with the first image shall not make a part wait.
        model.predict(np.zeros((height, width, 3), np.uint8))
        return MicroBatcher(
            model,
            queue_size=self.queue_size,
            batch_size=self.batch_size,
            max_wait_seconds=self.max_wait_seconds,
            seen=seen,
        )
