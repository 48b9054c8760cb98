"""Results of small grids, drawn and not learnt: the pictures do not mind."""

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation.bench import Cell, CellResult, Condition, System
from patchsieve.pictures.bench.board import OVERLAPS

GOOD, DEFECTIVE = 20, 12


def make_result(
    system="softpatch-lof",
    category="tile",
    noise=0.0,
    overlap="none",
    seed=0,
    *,
    dataset="factory",
    masks=True,
    varied=None,
    failure=None,
) -> CellResult:
    named = System(system, "softpatch", {}, varied)
    cell = Cell(dataset, category, named, Condition(noise, overlap, seed))
    if failure is not None:
        return CellResult(cell, failure=failure)
    words = f"{system}|{category}".encode()
    rng = np.random.default_rng([*words, int(1000 * noise), OVERLAPS.index(overlap), seed])
    labels = np.repeat([False, True], [GOOD, DEFECTIVE])
    scores = (rng.gamma(9, 0.3, len(labels)) + labels * rng.gamma(4, 0.4, len(labels))).astype(np.float32)
    threshold = float(np.quantile(scores[:GOOD], 0.9))
    above = scores > threshold
    return CellResult(
        cell,
        {
            "image_auroc": float(roc_auc_score(labels, scores)),
            "pixel_auroc": float(rng.uniform(0.8, 1)) if masks else None,
            "precision": float(labels[above].mean()),
            "threshold": threshold,
            "true_positives": int((above & labels).sum()),
            "false_positives": int((above & ~labels).sum()),
            "true_negatives": int((~above & ~labels).sum()),
            "false_negatives": int((~above & labels).sum()),
            "fit_seconds": float(rng.uniform(1, 9)),
            "image_ms": 20.0 + seed,
            "file_mib": 3.5,
        },
        tuple(f"test/{index:03}.png" for index in range(len(labels))),
        labels,
        scores,
    )


def make_grid(
    systems=("softpatch-lof", "patchcore", "padim"),
    categories=("tile", "cookies"),
    rates=(0.0, 0.1, 0.4),
    overlaps=("none", "same"),
    seeds=(0, 1, 2),
    **options,
) -> list[CellResult]:
    return [
        make_result(system, category, noise, overlap, seed, **options)
        for system in systems
        for category in categories
        for noise in rates
        for overlap in (overlaps if noise else ("none",))
        for seed in seeds
    ]


@pytest.fixture(scope="session")
def result() -> Callable[..., CellResult]:
    return make_result


@pytest.fixture(scope="session")
def grid() -> Callable[..., list[CellResult]]:
    return make_grid


@pytest.fixture(scope="session")
def words() -> Callable[[str], list[str]]:
    """What can be read in an SVG."""

    def read(svg: str) -> list[str]:
        return [e.text or "" for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]

    return read
