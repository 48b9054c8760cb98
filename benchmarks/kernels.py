"""The four kernels beside what people run today: same data, same process, same threads, in turns.

    python benchmarks/kernels.py --peers CACHE --data DATA/magnetic_tile

The first run makes an environment below CACHE with anomalib, FAISS and this PatchSieve, all through
constraints.txt, and every run goes on in it: one torch and one NumPy for all. anomalib 2.7.0 accepts those
versions as they are. Without --data the features are drawn, clustered and with a falling spectrum.

Every ratio is the median over pairs that were timed in turns (ours, peer, ours, next peer, ...), its range behind
it. --size 0.1 takes a tenth of the points, positions and bank, for a quick look. At full size nearly all of the
time goes into the coreset's peers.
"""

import argparse
import os
from pathlib import Path

from speed.peers import declare_torchvision, enter

KERNELS = ("coreset", "discriminators", "search", "embedding")


def main() -> None:
    arguments = parse()
    enter(arguments.peers)
    declare_torchvision()
    # The peers can be imported only now.
    from speed.suite import Suite

    suite = Suite(arguments.data, arguments.size, arguments.pairs)
    suite.describe(arguments.threads)
    for kernel in arguments.only:
        getattr(suite, kernel)()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True, help="folder that keeps the peers' environment")
    parser.add_argument("--data", type=Path, help="one set of images in the MVTec AD layout")
    parser.add_argument("--only", type=kernels, default=KERNELS, help=f"some of {','.join(KERNELS)}")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--size", type=float, default=1.0, help="share of the full sizes")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the same for all contenders")
    return parser.parse_args()


def kernels(text: str) -> list[str]:
    chosen = text.split(",")
    if not set(chosen) <= set(KERNELS):
        raise argparse.ArgumentTypeError(f"choose from {','.join(KERNELS)}")
    return chosen


if __name__ == "__main__":
    main()
