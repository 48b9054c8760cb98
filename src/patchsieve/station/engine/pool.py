"""The models at work: one for each line, changed while the line runs."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

from patchsieve.images import Pixels
from patchsieve.station.engine.places import Batcher, Places, Scoring, Ticket
from patchsieve.station.errors import Unavailable
from patchsieve.station.languages import said

if TYPE_CHECKING:
    from patchsieve.detectors import Detector


@dataclass(frozen=True, slots=True)
class Serving:
    """A model at work for a line.

    Attributes:
        line_id: whose.
        version_id: which of the line's versions it is.
        model: as loaded from the version's file. Not to be changed.
        batcher: that scores by it.
    """

    line_id: str
    version_id: str
    model: "Detector"
    batcher: Batcher


class Accepted:
    """Images that a line's model has accepted, to be scored by that very version whatever the line changes to.

    ```python
    with pool.accept(line_id, len(files)) as accepted:       # Busy before any work is done
        tickets = [accepted.score(decoder.decode(data, name).pixels, name) for name, data in files]
        rows = [ticket.result() for ticket in tickets]
    ```
    """

    def __init__(self, serving: Serving, places: Places) -> None:
        self.version_id = serving.version_id
        self.model = serving.model
        self._places = places

    def score(self, pixels: Pixels, name: str = "") -> Ticket:
        """Put pixels, uint8 RGB `[H, W, 3]`, into the queue."""
        return self._places.score(pixels, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.__exit__(kind, error, trace)


class ModelPool:
    """The model of each line, with its queue.

    Args:
        scoring: where models score.
        device: where they are loaded, as for `patchsieve.load`.
        seen: told line, size and seconds of each batch.
    """

    def __init__(
        self,
        scoring: Scoring,
        *,
        device: str = "auto",
        seen: Callable[[str, int, float], None] = lambda _line, _size, _seconds: None,
    ) -> None:
        self._scoring = scoring
        self._device = device
        self._seen = seen
        self._lock = Lock()
        # One model is loaded at a time: two at once would need the memory of both at their fullest.
        self._loading = Lock()
        self._serving: dict[str, Serving] = {}
        self._retiring: list[Thread] = []
        self._closed = False

    def activate(self, line_id: str, version_id: str, file: Path) -> None:
        """Load a version and let it score what the line accepts from now on.

        Until it is loaded and warm the version before goes on; what was accepted for that one is scored by it. Then its
        memory is freed.

        Raises:
            PatchSieveError: the file cannot be used here; the line keeps the version that it has.
        """
        from patchsieve.detectors import load

        with self._loading:
            current = self._serving.get(line_id)
            if current is not None and current.version_id == version_id:
                return
            model = load(file, device=self._device)
            batcher = self._scoring.batcher(model, file, partial(self._seen, line_id))
            with self._lock:
                if self._closed:
                    old: Serving | None = Serving(line_id, version_id, model, batcher)
                else:
                    old = self._serving.pop(line_id, None)
                    self._serving[line_id] = Serving(line_id, version_id, model, batcher)
        if old is not None:
            self._retire(old)

    def deactivate(self, line_id: str) -> None:
        """Take a line's model away once it has scored what was accepted."""
        with self._lock:
            old = self._serving.pop(line_id, None)
        if old is not None:
            self._retire(old)

    def accept(self, line_id: str, count: int = 1) -> Accepted:
        """Accept `count` images for a line, all or none.

        Raises:
            Busy: the line's queue is full.
            TooLarge: its queue could never take so many.
            Unavailable: the line has no model, or the station is stopping.
        """
        with self._lock:
            serving = self._found(line_id)
            return Accepted(serving, serving.batcher.accept(count))

    def serving(self, line_id: str) -> Serving:
        """Return what scores for a line now. Raises `Unavailable` where nothing does."""
        with self._lock:
            return self._found(line_id)

    def lines(self) -> dict[str, Serving]:
        """Return what scores for each line."""
        with self._lock:
            return dict(self._serving)

    def close(self) -> None:
        """Accept no more, finish what was accepted, and end."""
        with self._lock:
            self._closed = True
            remaining = list(self._serving.values())
            self._serving.clear()
            retiring = list(self._retiring)
        for serving in remaining:
            serving.batcher.close()
        for thread in retiring:
            thread.join()

    def _found(self, line_id: str) -> Serving:
        if self._closed:
            raise Unavailable(said("the station is stopping; ask again"))
        serving = self._serving.get(line_id)
        if serving is None:
            raise Unavailable(said("no model is loaded for this line"))
        return serving

    def _retire(self, serving: Serving) -> None:
        thread = Thread(target=_put_away, args=([serving.batcher],), name="retiring")
        with self._lock:
            self._retiring = [each for each in self._retiring if each.is_alive()]
            self._retiring.append(thread)
            thread.start()


def _put_away(retired: list[Batcher]) -> None:
    retired.pop().close()
    # Models hold themselves by cycles, and hundreds of megabytes shall not wait for a collection.
    gc.collect()
