"""The station's models scored by replicas on a cluster: its queue, its pages and its API stay where they are."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import ray
from ray.exceptions import RayError, RayTaskError

from patchsieve.errors import ConfigError, ModelFileError
from patchsieve.images import Pixels
from patchsieve.scaleout.cluster import processors
from patchsieve.scaleout.model_copies import ModelCopy
from patchsieve.scaleout.replicas import Answer, Deployed, Offer
from patchsieve.station import StationSettings
from patchsieve.station.engine import Batcher, BatchSeen, Ticket
from patchsieve.station.errors import Unavailable

if TYPE_CHECKING:
    from patchsieve.detectors import Detector

# Replicas that may be lost over one image before it is given up.
_TRIES = 5
# How often a new model is asked for until every replica has it. One that is just being started loads it by itself.
_ROUNDS = 10

_log = logging.getLogger(__name__)

Done = TypeVar("Done")


@contextmanager
def scoring_replicas(settings: StationSettings, count: int) -> Iterator["Replicas"]:
    """Let a station's models score in processes of the cluster that this process is connected to.

    Args:
        settings: of the station.
        count: of processes, each of which takes a processor and scores by the models of all lines.

    Raises:
        ConfigError: the cluster has fewer processors.
    """
    if count > processors():
        raise ConfigError(
            f"{count} replicas take a processor each, and the cluster has {processors()}: give fewer --replicas, or "
            "add machines to the cluster"
        )
    deployed = Deployed(
        _name(settings.data_dir),
        count,
        device=settings.device,
        batch_size=settings.batch_size,
        max_wait_seconds=settings.max_wait_seconds,
    )
    replicas = Replicas(deployed, count, settings)
    try:
        yield replicas
    finally:
        replicas.close()
        deployed.withdraw()


class Replicas:
    """Where the models of a station score; see `Scoring`.

    Args:
        deployed: the processes.
        count: of them.
        settings: of the station.
    """

    def __init__(self, deployed: Deployed, count: int, settings: StationSettings) -> None:
        self.deployed = deployed
        self.count = count
        self.at_once = count * settings.batch_size
        self._queue_size = settings.queue_size
        self._lock = Lock()
        self._offers: list[Offer] = []
        # Answers come in one loop for all lines; no thread waits for each of them.
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="replicas", daemon=True)
        self._thread.start()

    def batcher(self, model: "Detector", file: Path, seen: BatchSeen) -> "ReplicaBatcher":
        """See `Scoring.batcher`."""
        made = ReplicaBatcher(self, _offer(file), queue_size=self._queue_size, seen=seen)
        try:
            self.start(self._warm(made, model.extractor_.preprocessing.frame)).result()
        except BaseException:
            made.close()
            raise
        return made

    def hold(self, offer: Offer) -> None:
        """Let replicas that start from now on load a model, too."""
        with self._lock:
            self._offers.append(offer)
            self.deployed.want(self._offers)

    def drop(self, offer: Offer) -> None:
        """Let replicas forget a model that was held."""
        with self._lock:
            self._offers.remove(offer)
            self.deployed.want(self._offers)

    def start(self, work: Coroutine[object, object, Done]) -> Future[Done]:
        """Let a coroutine run in the loop of answers."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Let the loop end; nothing is under way any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _warm(self, batcher: "ReplicaBatcher", frame: tuple[int, int]) -> None:
        """Let all replicas load a model."""
        empty = np.zeros((*frame, 3), np.uint8)
        ready: set[str] = set()
        for _ in range(_ROUNDS):
            # More at a time than there are replicas: the router sends those to idle ones that the busy ones leave.
            for answer in await asyncio.gather(*(batcher.ask(empty, "") for _ in range(2 * self.count))):
                if isinstance(answer.result, Exception):
                    raise ModelFileError(
                        f"the cluster's workers cannot use the model: {answer.result}"
                    ) from answer.result
                ready.add(answer.replica)
            if len(ready) >= self.count:
                return


class ReplicaBatcher(Batcher):
    """Has images scored by one model at the replicas, which put those that come together into batches.

    An image is kept here until its answer has come. Where its replica is lost meanwhile, another one gets it: scoring
    changes nothing, so that it does not matter how far the lost one had come.

    Args:
        replicas: that score.
        offer: of the model.
        queue_size: images that are accepted at a time.
        seen: told the size and the seconds of each batch.
    """

    def __init__(self, replicas: Replicas, offer: Offer, *, queue_size: int, seen: BatchSeen) -> None:
        super().__init__(queue_size=queue_size, seen=seen)
        self._replicas = replicas
        self._offer = offer
        replicas.hold(offer)

    def close(self) -> None:
        """See `Batcher.close`. Replicas forget the model when they load the next one."""
        self._stop_accepting()
        with self._changed:
            self._changed.wait_for(lambda: not self._held)
        self._replicas.drop(self._offer)

    async def ask(self, pixels: Pixels, name: str) -> Answer:
        """Have an image scored, by another replica where one is lost. Raises `Unavailable` when too many were."""
        for _ in range(_TRIES):
            try:
                return await self._replicas.deployed.score(self._offer, pixels, name)
            except RayTaskError:
                raise
            except RayError as error:
                _log.warning(
                    "a replica was lost; an image that it had goes to another: %s", type(error).__name__
                )
                lost = error
        raise Unavailable(f"{_TRIES} processes of the cluster were lost over this image") from lost

    def _take(self, ticket: Ticket) -> None:
        self._replicas.start(self._score(ticket))

    async def _score(self, ticket: Ticket) -> None:
        if not ticket.future.set_running_or_notify_cancel():
            return
        try:
            answer = await self.ask(ticket.pixels, ticket.name)
        except Exception as error:  # whatever it is, who waits is told
            ticket.answer(error, monotonic(), 0.0, 1)
            return
        # The first of a batch stands for all of it.
        if answer.place == 0:
            self._count(answer.batch, answer.seconds, side_by_side=self._replicas.count)
        ticket.answer(answer.result, monotonic() - answer.seconds, answer.seconds, answer.batch)


def _offer(file: Path) -> Offer:
    """Put a model's files where replicas get them from, so that they need not have its path."""
    return Offer(str(file.resolve()), [ray.put(ModelCopy.of(file))])


def _name(data_dir: Path) -> str:
    """Return what a station's replicas are called in the cluster: the same when it starts again, and no other's."""
    station = f"{socket.gethostname()}:{data_dir.resolve()}"
    return f"patchsieve-{sha256(station.encode()).hexdigest()[:16]}"
