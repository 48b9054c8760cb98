"""What a fit and a prediction take with 1 to 4 workers, and whether the answers are those of one process."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from time import perf_counter
from typing import Self

import torch
from pyarrow import dataset
from ray.cluster_utils import Cluster

from patchsieve.detectors import Detector, SoftPatch
from patchsieve.images import ImageSet, read_images
from patchsieve.scaleout import connected, fit_on_cluster, predict_on_cluster
from scaling.meter import Meter
from scaling.stages import Stages
from speed.data import evenly

_STORE_BYTES = 512 * 2**20
# Images of each worker that are fitted before the clock starts: processes are started and libraries loaded by then.
_WARM = 8


@dataclass(frozen=True)
class Sets:
    """Images to learn from, and images to score."""

    fitted: ImageSet
    scored: ImageSet


class Took:
    """How long a block took: by the clock, and of processors.

    Args:
        raylets: see `Meter`.

    Attributes:
        seconds: by the clock.
        meter: of processors.
    """

    def __init__(self, raylets: Sequence[int] = ()) -> None:
        self.meter = Meter(raylets)

    def __enter__(self) -> Self:
        self.meter.__enter__()
        self.seconds = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self.seconds
        self.meter.__exit__()

    def cells(self) -> str:
        """Return the clock's seconds, and those of processors: this process, all workers, the busiest node's."""
        nodes = self.meter.nodes or [0.0]
        return f"{self.seconds:.1f} | {self.meter.own:.1f} | {sum(nodes):.1f} | {max(nodes):.1f}"


@dataclass(frozen=True)
class Run:
    """What a fit and a prediction took, and what came out."""

    model: Detector
    stages: Stages
    fitting: Took
    predicting: Took
    scores: dict[str, float]


@contextmanager
def raylets(count: int) -> Iterator[list[int]]:
    """Work with a cluster of a head that only drives and so many nodes of one worker each, all on this machine.

    Yields the process ids of the nodes' raylets.
    """
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False},
    )
    for _ in range(count):
        made.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
    try:
        with connected(made.address):
            yield [node.all_processes["raylet"][0].process.pid for node in made.worker_nodes]
    finally:
        made.shutdown()


def alone(sets: Sets, file: Path, options: argparse.Namespace) -> Run:
    """Fit and predict in this process, by one thread."""
    torch.set_num_threads(1)
    stages = Stages()
    with Took() as fitting:
        model = detector(options).fit(sets.fitted, progress=stages)
    model.save(file)
    with Took() as predicting:
        result = model.predict(sets.scored)
    names = (Path(name).name for name in result.images.names)
    return Run(model, stages, fitting, predicting, dict(zip(names, result.scores.tolist(), strict=True)))


def spread(sets: Sets, workers: int, file: Path, out: Path, options: argparse.Namespace) -> Run:
    """Fit and predict by workers."""
    few = sets.fitted.with_records(sets.fitted.records[: _WARM * workers])
    paths = [str(record.path) for record in sets.scored]
    stages = Stages()
    with raylets(workers) as pids:
        fit_on_cluster(detector(options), few)
        with Took(pids) as fitting:
            model = fit_on_cluster(detector(options), sets.fitted, progress=stages)
        with Took(pids) as predicting:
            done = predict_on_cluster(file, paths, str(out))
    rows = dataset.dataset(done.results, format="parquet").to_table(columns=["image", "score"]).to_pylist()
    return Run(model, stages, fitting, predicting, {Path(row["image"]).name: row["score"] for row in rows})


def detector(options: argparse.Namespace) -> SoftPatch:
    return SoftPatch(image_size=options.image_size, crop=None)


def same(found: Run, expected: Run) -> bool:
    """Say whether the bank and the threshold are the same to the last bit, and scores up to rounding."""
    ours, theirs = (run.model._state() for run in (found, expected))
    return (
        all(torch.equal(torch.as_tensor(ours[name]), torch.as_tensor(theirs[name])) for name in ours)
        and found.model.threshold_ == expected.model.threshold_
        and found.scores.keys() == expected.scores.keys()
        and all(isclose(found.scores[name], score, rel_tol=1e-5) for name, score in expected.scores.items())
    )


def measure(options: argparse.Namespace) -> None:
    """Print seconds by the number of workers."""
    train = read_images(options.data).where(lambda record: record.split == "train" and not record.defective)
    sets = Sets(evenly(train, options.images), evenly(train, options.scored))
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} before this began; {len(sets.fitted)} images of "
        f"{options.image_size} pixels to fit, {len(sets.scored)} to score\n"
    )
    print(
        "| workers | fit, s | of a processor: command | all workers | busiest | rounds | predict, s | command | "
        "all workers | busiest | the same | load |"
    )
    print("|" + " --- |" * 12)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "line.sieve"
        expected = alone(sets, file, options)
        show("none, one thread", expected, same=True)
        for workers in options.workers:
            found = spread(sets, workers, file, Path(folder) / str(workers), options)
            show(str(workers), found, same=same(found, expected))


def show(name: str, run: Run, *, same: bool) -> None:
    (coreset,) = (stage for stage in run.stages.all if stage.title == "coreset")
    print(
        f"| {name} | {run.fitting.cells()} | {coreset.steps} | {run.predicting.cells()} | "
        f"{'yes' if same else 'NO'} | {os.getloadavg()[0]:.0f} |",
        flush=True,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the measurement."""
    parser.add_argument("data", type=Path, help="one set of images in the MVTec AD layout")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--images", type=int, default=64, help="that are learnt from")
    parser.add_argument("--scored", type=int, default=256, help="images that are scored, 32 or more a task")
    parser.add_argument("--image-size", type=int, default=224)
