"""A bench on a cluster gives the results of one machine, whatever fails or dies meanwhile."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import ray

from patchsieve.evaluation.bench import (
    Bench,
    BenchPlan,
    CellResult,
    Condition,
    ResultStore,
    Running,
    Share,
    System,
    categories,
)
from patchsieve.scaleout import bench_on_cluster, benching

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers")]

SMALL: dict[str, Any] = {"image_size": 64, "crop": None, "batch_size": 4, "folds": 2}
SYSTEMS = (
    System("softpatch", "softpatch", SMALL),
    System("absent", "patchcore", {**SMALL, "backbone": "onnx:nowhere.onnx"}),
)
# As they are, moved, augmented copies, and more than there are.
CONDITIONS = (Condition(), Condition(0.1), Condition(0.1, "rotation", 1), Condition(0.9, "none", 2))
# What is measured with a watch, and the file that tells it, in more digits or in fewer.
TIMES = {"fit_seconds", "image_ms", "file_mib"}


def bench(folder: Path, data: Path) -> Bench:
    found, _ = categories([data])
    running = Running(cache=folder / "cache", manifests=folder / "manifests")
    return Bench(BenchPlan(found, SYSTEMS, CONDITIONS), running, ResultStore(folder / "results.sqlite"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, labelled: Path) -> Bench:
    made = bench(tmp_path_factory.mktemp("alone"), labelled)
    assert len(list(made.run())) == len(SYSTEMS) * len(CONDITIONS)
    return made


def assert_same(found: Bench, expected: Bench) -> None:
    ours, theirs = found.results(), expected.results()
    assert [one.cell for one in ours] == [one.cell for one in theirs] == list(found.plan.all_cells)
    for one, other in zip(ours, theirs, strict=True):
        assert one.failure == other.failure
        assert (one.names, one.training_names) == (other.names, other.training_names)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.training_scores, other.training_scores)
        assert figures(one) == figures(other)
    manifests = [
        {path.name: path.read_bytes() for path in one.running.manifests.iterdir()}
        for one in (found, expected)
    ]
    assert manifests[0] == manifests[1]
    assert len(manifests[0]) == 2


def figures(result: CellResult) -> dict[str, float | None]:
    return {name: value for name, value in result.metrics.items() if name not in TIMES}


def test_stopped_and_workers_killed_it_ends_with_the_results_of_one_machine(
    labelled: Path, alone: Bench, tmp_path: Path, die_once: Callable[[ModuleType, str], Path]
) -> None:
    there = bench(tmp_path, labelled)
    stopped = there.run(engine=bench_on_cluster)
    first = next(result.cell for result in stopped if result.failure is None)
    stopped.close()
    died = [die_once(benching, name) for name in ("_PREPARED", "_TRIED")]
    again = [result.cell for result in there.run(engine=bench_on_cluster)]
    assert all(file.exists() for file in died)
    assert first not in again
    assert_same(there, alone)
    # Nothing but the results, and the manifests, is left behind.
    assert not (tmp_path / "cache").exists()


def test_cells_whose_workers_always_die_are_failures_in_words(alone: Bench) -> None:
    cells = alone.plan.all_cells[:2]
    lesson = Share(alone.plan.categories[0], "", "", cells)
    lost = ray.remote(max_retries=0)(lambda: os._exit(1)).remote()
    results = benching._answer(lost, lesson, alone.running)
    assert tuple(result.cell for result in results) == cells
    for result in results:
        assert "its worker or node was lost" in (result.failure or "")
