"""Simulation: images of many lines that wait for replicas, which hold all lines' models or only some of them."""

import argparse
import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

ARRIVES, ENDS, DIES, RETURNS = range(4)


@dataclass(frozen=True)
class Image:
    """An image that came at a time, from a line."""

    came: float
    line: int


@dataclass
class Replica:
    """A process with one processor.

    Attributes:
        models: of which lines, the one used last at the end.
        waiting: for the next batch; Serve hands out no more than a batch more than is worked on.
        batch: what is worked on.
        cold: lines whose models are loaded with the next batch.
        alive: whether it takes anything.
        life: how often it died: tells a batch that ends from one that was lost.
    """

    models: OrderedDict[int, None] = field(default_factory=OrderedDict)
    waiting: deque[Image] = field(default_factory=deque)
    batch: list[Image] = field(default_factory=list)
    cold: set[int] = field(default_factory=set)
    alive: bool = True
    life: int = 0

    @property
    def ongoing(self) -> int:
        return len(self.waiting) + len(self.batch)


@dataclass(frozen=True)
class Outcome:
    """What became of the images.

    Attributes:
        seconds: from arrival to answer, of those that were answered in twice the time in which they came.
        busy: share of the processors' time that work took that was begun.
        loads: models loaded a second.
        unanswered: images without an answer by then.
    """

    seconds: npt.NDArray[np.float64]
    busy: float
    loads: float
    unanswered: int


class Simulation:
    """Replicas behind Serve's router, which takes the less busy of two at random.

    Where replicas hold all models, of any two. Where they hold some, of two that have the image's; if none of these has
    room, of those with the fewest models, which load it in the place of the one not used for longest. The router knows
    at once who holds what. An image that finds no room waits until a batch ends somewhere.
    """

    def __init__(self, lines: int, replicas: int, models: int | None, options: argparse.Namespace) -> None:
        self._lines = lines
        self._models = models
        self._options = options
        self._random = np.random.default_rng(options.seed)
        self._replicas = [Replica() for _ in range(replicas)]
        if models is not None:
            # Before a station answers, each model is loaded once, by a replica that holds the fewest.
            for line in range(lines):
                self._load(self._replicas[line % replicas], line)
            for replica in self._replicas:
                replica.cold.clear()
        self._pending: deque[Image] = deque()
        self._events: list[tuple[float, int, int, int, int]] = []
        self._order = count()
        self._seconds: list[float] = []
        self._busy = 0.0
        self._loads = 0

    def run(self, lost: int) -> Outcome:
        options = self._options
        images = 0
        for line, some in enumerate(self._random.poisson(options.rate * options.seconds, self._lines)):
            images += int(some)
            for time in self._random.uniform(0, options.seconds, some):
                self._at(float(time), ARRIVES, line)
        for replica in range(lost):
            self._at(options.seconds / 2, DIES, replica)
        while self._events and self._events[0][0] < 2 * options.seconds:
            time, _, kind, which, life = heapq.heappop(self._events)
            if kind == ARRIVES:
                self._route(Image(time, which), time)
            elif kind == ENDS:
                self._end(which, life, time)
            elif kind == DIES:
                self._die(which, time)
            else:
                self._replicas[which].alive = True
                self._route_pending(time)
        return Outcome(
            np.asarray(self._seconds),
            self._busy / (len(self._replicas) * options.seconds),
            self._loads / options.seconds,
            images - len(self._seconds),
        )

    def _at(self, time: float, kind: int, which: int, life: int = 0) -> None:
        heapq.heappush(self._events, (time, next(self._order), kind, which, life))

    def _route(self, image: Image, now: float) -> bool:
        """Hand an image to a replica, or let it wait for one; say whether there was one."""
        most = 2 * self._options.batch
        room = [number for number, each in enumerate(self._replicas) if each.alive and each.ongoing < most]
        if not room:
            self._pending.append(image)
            return False
        if self._models is not None:
            room = self._holding(room, image.line)
        two = self._random.choice(room, min(2, len(room)), replace=False)
        number = min(map(int, two), key=lambda each: self._replicas[each].ongoing)
        replica = self._replicas[number]
        if self._models is not None and image.line not in replica.models:
            self._load(replica, image.line)
            self._loads += 1
        replica.waiting.append(image)
        if not replica.batch:
            self._begin(number, now)
        return True

    def _holding(self, room: list[int], line: int) -> list[int]:
        holders = [number for number in room if line in self._replicas[number].models]
        fewest = min(len(self._replicas[number].models) for number in room)
        return holders or [number for number in room if len(self._replicas[number].models) == fewest]

    def _load(self, replica: Replica, line: int) -> None:
        if len(replica.models) == self._models:
            replica.models.popitem(last=False)
        replica.models[line] = None
        replica.cold.add(line)

    def _begin(self, number: int, now: float) -> None:
        replica, options = self._replicas[number], self._options
        while replica.waiting and len(replica.batch) < options.batch:
            replica.batch.append(replica.waiting.popleft())
        if not replica.batch:
            return
        lines = {image.line for image in replica.batch}
        cold = lines & replica.cold
        replica.cold -= cold
        for line in lines & replica.models.keys():
            replica.models.move_to_end(line)
        # Images of different lines are batches of their own, one after the other.
        took = options.fixed * len(lines) + options.each * len(replica.batch) + options.load * len(cold)
        self._busy += took
        self._at(now + took, ENDS, number, replica.life)

    def _end(self, number: int, life: int, now: float) -> None:
        replica = self._replicas[number]
        if life != replica.life:
            return
        self._seconds.extend(now - image.came for image in replica.batch)
        replica.batch = []
        self._begin(number, now)
        self._route_pending(now)

    def _route_pending(self, now: float) -> None:
        while self._pending:
            if not self._route(self._pending.popleft(), now):
                # It goes on being the first.
                self._pending.rotate(1)
                return

    def _die(self, number: int, now: float) -> None:
        dead = self._replicas[number]
        self._replicas[number] = Replica(alive=False, life=dead.life + 1)
        models = self._lines if self._models is None else 0
        self._at(now + self._options.restart + models * self._options.load, RETURNS, number)
        # The station still has the pixels.
        for image in (*dead.batch, *dead.waiting):
            self._route(image, now)


def simulate(options: argparse.Namespace) -> None:
    """Print the waiting for each case."""
    print(
        f"{options.rate:g} images a second from each line, at random; {1000 * (options.fixed + options.each):.0f} ms "
        f"for one, {1000 * (options.fixed / options.batch + options.each):.0f} ms each in a batch of {options.batch}; "
        f"{options.load:g} s to load a model; {options.seconds:g} s simulated\n"
    )
    print(
        "| lines | replicas | lost | models in each | busy | p50, ms | p95, ms | p99, ms | loads/s | unanswered |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for lines, replicas, models, lost in options.cases:
        found = Simulation(lines, replicas, models, options).run(lost)
        p50, p95, p99 = np.percentile(found.seconds, [50, 95, 99]) * 1000
        print(
            f"| {lines:,} | {replicas} | {lost} | {models or 'all'} | {found.busy:.0%} | {p50:,.0f} | {p95:,.0f} | "
            f"{p99:,.0f} | {found.loads:.1f} | {found.unanswered:,} |",
            flush=True,
        )


def case(text: str) -> tuple[int, int, int | None, int]:
    """Read LINES:REPLICAS:MODELS:LOST, where MODELS is a number or all."""
    lines, replicas, models, lost = text.split(":")
    return int(lines), int(replicas), None if models == "all" else int(models), int(lost)


CASES = (
    *("40:2:all:0", "40:3:all:0", "40:4:all:0", "40:3:all:1", "40:4:all:1"),
    *("40:4:16:0", "40:4:16:1", "40:4:40:1"),
    *("1000:50:all:0", "1000:64:all:0", "1000:64:all:16", "1000:64:16:0", "1000:64:16:16", "1000:50:16:0"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the simulation."""
    parser.add_argument(
        "cases",
        nargs="*",
        type=case,
        default=[case(text) for text in CASES],
        help="LINES:REPLICAS:MODELS:LOST",
    )
    parser.add_argument("--rate", type=float, default=1.0, help="images a second of each line")
    parser.add_argument("--fixed", type=float, default=0.017, help="seconds of a batch, whatever its size")
    parser.add_argument("--each", type=float, default=0.023, help="seconds of each image in it")
    parser.add_argument("--load", type=float, default=1.5, help="seconds to load a model")
    parser.add_argument(
        "--restart", type=float, default=10.0, help="seconds until a lost process is back, empty"
    )
    parser.add_argument("--batch", type=int, default=8, help="images that are taken at once")
    parser.add_argument("--seconds", type=float, default=120.0, help="in which images come")
    parser.add_argument("--seed", type=int, default=0)
