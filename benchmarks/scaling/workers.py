"""How long a fit and a prediction take with 1 to 4 workers, and whether the answers are those of one process."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from time import perf_counter

import torch
from pyarrow import dataset
from ray.cluster_utils import Cluster

from patchsieve.detectors import Detector, SoftPatch
from patchsieve.images import ImageSet, read_images
from patchsieve.scaleout import connected, fit_on_cluster, predict_on_cluster
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


@dataclass(frozen=True)
class Run:
    """What a fit and a prediction took, and what came out."""

    model: Detector
    stages: Stages
    fitting: float
    predicting: float
    scores: dict[str, float]


@contextmanager
def raylets(count: int) -> Iterator[None]:
    """Work with a cluster of a head that only drives and so many nodes of one worker each, all on this machine."""
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False},
    )
    for _ in range(count):
        made.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
    try:
        with connected(made.address):
            yield
    finally:
        made.shutdown()


def alone(sets: Sets, file: Path, options: argparse.Namespace) -> Run:
    """Fit and predict in this process, by one thread."""
    torch.set_num_threads(1)
    stages = Stages()
    started = perf_counter()
    model = detector(options).fit(sets.fitted, progress=stages)
    fitting = perf_counter() - started
    model.save(file)
    started = perf_counter()
    result = model.predict(sets.scored)
    predicting = perf_counter() - started
    names = (Path(name).name for name in result.images.names)
    return Run(model, stages, fitting, predicting, dict(zip(names, result.scores.tolist(), strict=True)))


def spread(sets: Sets, workers: int, file: Path, out: Path, options: argparse.Namespace) -> Run:
    """Fit and predict by workers."""
    few = sets.fitted.with_records(sets.fitted.records[: _WARM * workers])
    paths = [str(record.path) for record in sets.scored]
    stages = Stages()
    with raylets(workers):
        fit_on_cluster(detector(options), few)
        started = perf_counter()
        model = fit_on_cluster(detector(options), sets.fitted, progress=stages)
        fitting = perf_counter() - started
        started = perf_counter()
        done = predict_on_cluster(file, paths, str(out))
        predicting = perf_counter() - started
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
    print("| workers | fit, s | embedding, s | coreset, s | its rounds | predict, s | the same | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "line.sieve"
        expected = alone(sets, file, options)
        show("none, one thread", expected, same=True)
        for workers in options.workers:
            found = spread(sets, workers, file, Path(folder) / str(workers), options)
            show(str(workers), found, same=same(found, expected))


def show(name: str, run: Run, *, same: bool) -> None:
    embedding = sum(stage.seconds for stage in run.stages.all if stage.title == "embedding")
    (coreset,) = (stage for stage in run.stages.all if stage.title == "coreset")
    print(
        f"| {name} | {run.fitting:.1f} | {embedding:.1f} | {coreset.seconds:.1f} | {coreset.steps} | "
        f"{run.predicting:.1f} | {'yes' if same else 'NO'} | {os.getloadavg()[0]:.0f} |",
        flush=True,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the measurement."""
    parser.add_argument("data", type=Path, help="one set of images in the MVTec AD layout")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--images", type=int, default=64, help="that are learnt from")
    parser.add_argument("--scored", type=int, default=256, help="images that are scored, 32 or more a task")
    parser.add_argument("--image-size", type=int, default=224)
