"""More than one machine: what workers bring here, and where the design would break.

    python benchmarks/scale.py workers DATA/magnetic_tile
    python benchmarks/scale.py rounds
    python benchmarks/scale.py lines
    python benchmarks/scale.py lines 40:3:all:1 --load 0.5

workers measures a fit and a prediction in this process and then with 1 to 4 workers of a Ray cluster on this machine,
each a raylet of its own, and compares what comes out: more workers than processors show what the cluster costs, not
what it brings. rounds counts how often the driver of a distributed coreset has to ask all workers. lines simulates
images of many production lines at replicas of their models: how long they wait, also when replicas are lost.
"""

import argparse
import os


def main() -> None:
    # Before torch is imported: a process with one thread is what a worker is compared with.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from scaling import lines, rounds, workers

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for name, add_options, work in (
        ("workers", workers.add_options, workers.measure),
        ("rounds", rounds.add_options, rounds.count_rounds),
        ("lines", lines.add_options, lines.simulate),
    ):
        command = commands.add_parser(name)
        add_options(command)
        command.set_defaults(work=work)
    options = parser.parse_args()
    options.work(options)


if __name__ == "__main__":
    main()
