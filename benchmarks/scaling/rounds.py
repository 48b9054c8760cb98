"""In how many rounds the driver makes the picks of a coreset: each is a message to every shard and back."""

import argparse
from itertools import product

from patchsieve.bank.coreset import greedy_coreset
from scaling.stages import Stages
from speed.data import clustered


def count_rounds(options: argparse.Namespace) -> None:
    """Print the rounds for each number of candidates and picks, of drawn points."""
    print("| candidates | picks | rounds | picks a round | s |")
    print("| --- | --- | --- | --- | --- |")
    for candidates, picks in product(options.candidates, options.picks):
        points = clustered((candidates, options.dims), options.clusters)
        stages = Stages()
        found = greedy_coreset(points, picks, start=0, overwrite_points=True, progress=stages)
        (stage,) = stages.all
        print(
            f"| {candidates:,} | {len(found):,} | {stage.steps} | {len(found) / stage.steps:.0f} | "
            f"{stage.seconds:.1f} |",
            flush=True,
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the count."""
    parser.add_argument("--candidates", type=int, nargs="+", default=[25_000, 100_000, 400_000])
    parser.add_argument("--picks", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--clusters", type=int, default=64, help="that the points are drawn from")
