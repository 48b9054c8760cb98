"""Contenders timed in turns, so that whatever else the machine does meets both of a pair."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, sleep
from typing import Any

# Seconds before each turn: threads of OpenBLAS, OpenMP and ONNX Runtime go on spinning for a while after theirs.
_REST = 0.2


@dataclass
class Contender:
    """Something to time.

    Attributes:
        name: as the table shows it.
        run: does the work once and returns its result.
        result: of the last run.
        seconds: of every run.
        ratios: seconds of each run by those of our run just before it; empty for ours.
        check: what comparing the result with ours showed.
    """

    name: str
    run: Callable[[], Any]
    result: Any = field(default=None, repr=False)
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    check: str = ""

    def time(self) -> float:
        sleep(_REST)
        started = perf_counter()
        self.result = self.run()
        self.seconds.append(perf_counter() - started)
        return self.seconds[-1]


def interleave(ours: Contender, peers: Sequence[Contender], pairs: int, *, warm_up: bool = True) -> None:
    """Time ours, a peer, ours, the next peer, ... until each peer has had `pairs` turns.

    Args:
        ours: the first of every pair.
        peers: the second of the pairs, in turns.
        pairs: for each of the peers.
        warm_up: run everyone once unmeasured; needless where a run takes minutes.
    """
    for contender in (ours, *peers) if warm_up else ():
        contender.run()
    for pair in range(pairs):
        for peer in peers:
            before = ours.time()
            peer.ratios.append(peer.time() / before)
            report = f"{ours.name} {before:.3g} s, {peer.name} {peer.seconds[-1]:.3g} s"
            print(f"pair {pair + 1} of {pairs}: {report}", file=sys.stderr, flush=True)


def print_table(ours: Contender, peers: Sequence[Contender], ratio: str = "peer / ours") -> None:
    """Print medians over the pairs; the ratio is the median of the pairs' ratios, with their range behind it."""
    print(f"\n| who | median s | {ratio} | against ours |\n| --- | --- | --- | --- |")
    print(f"| {ours.name} | {median(ours.seconds):.4g} | 1 | {ours.check} |")
    for peer in peers:
        spread = f"{median(peer.ratios):.3g} ({min(peer.ratios):.3g} to {max(peer.ratios):.3g})"
        print(f"| {peer.name} | {median(peer.seconds):.4g} | {spread} | {peer.check} |", flush=True)
