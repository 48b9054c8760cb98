"""The file of results: what was put in comes out, whatever is asked, and nothing else."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench import Cell, CellResult, Condition, ResultStore, System

CELL = Cell("mvtec", "bottle", System("softpatch-lof", "softpatch", {"tau": 0.15}), Condition(0.1, "same", 3))


def result_of(cell: Cell, seed: int = 0) -> CellResult:
    rng = np.random.default_rng(seed)
    return CellResult(
        cell=cell,
        metrics={"image_auroc": rng.random(), "pixel_auroc": None},
        names=("test/good/ä 1.png", 'test/"x"/2.png'),
        labels=np.array([False, True]),
        scores=rng.random(2).astype(np.float32),
        training_names=("train/good/1.png",),
        training_noise=np.array([False]),
        training_scores=rng.random(1).astype(np.float32),
    )


def assert_equal(found: CellResult, expected: CellResult) -> None:
    for name in ("cell", "metrics", "names", "training_names", "failure"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("labels", "scores", "training_noise", "training_scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_a_result_comes_back_bit_for_bit_from_a_store_opened_anew(tmp_path: Path) -> None:
    ResultStore(tmp_path / "results.sqlite").add(result_of(CELL), "content")
    found = ResultStore(tmp_path / "results.sqlite").find([CELL], "content")
    assert_equal(found[CELL], result_of(CELL))


def test_a_failure_is_kept_and_a_later_result_takes_its_place(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results.sqlite")
    store.add(CellResult(CELL, failure="too few defects"), "content")
    found = store.find([CELL], "content")[CELL]
    assert_equal(found, CellResult(CELL, failure="too few defects"))
    store.add(result_of(CELL), "content")
    assert store.find([CELL], "content")[CELL].failure is None


def test_other_images_are_another_experiment(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results.sqlite")
    store.add(result_of(CELL, 1), "monday")
    store.add(result_of(CELL, 2), "tuesday")
    assert_equal(store.find([CELL], "monday")[CELL], result_of(CELL, 1))
    assert store.find([CELL], "wednesday") == {}


SYSTEM = CELL.system
OTHERS: list[Callable[[Cell], Cell]] = [
    lambda cell: replace(cell, dataset="btad"),
    lambda cell: replace(cell, category="cable"),
    lambda cell: replace(cell, system=replace(SYSTEM, detector="patchcore")),
    lambda cell: replace(cell, system=replace(SYSTEM, settings={"tau": 0.2})),
    lambda cell: replace(cell, condition=Condition(0.2, "same", 3)),
    lambda cell: replace(cell, condition=Condition(0.1, "none", 3)),
    lambda cell: replace(cell, condition=Condition(0.1, "same", 4)),
]


@pytest.mark.parametrize("change", OTHERS)
def test_whatever_makes_another_experiment_is_not_found(
    change: Callable[[Cell], Cell], tmp_path: Path
) -> None:
    store = ResultStore(tmp_path / "results.sqlite")
    store.add(result_of(CELL), "content")
    assert store.find([change(CELL)], "content") == {}


def test_the_same_experiment_is_found_under_another_name(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results.sqlite")
    store.add(result_of(CELL), "content")
    renamed = replace(CELL, system=replace(SYSTEM, name="ours", varied=("tau", 0.15)))
    assert_equal(store.find([renamed], "content")[renamed], result_of(renamed))


@given(st.sampled_from(["none", "same", "rotation"]), st.integers(0, 5))
def test_without_noise_there_is_no_overlap_to_tell_apart(overlap: str, seed: int) -> None:
    clean = replace(CELL, condition=Condition(0, overlap, seed))  # type: ignore[arg-type]
    assert clean.key == replace(CELL, condition=Condition(0.0, "none", seed)).key


def test_a_default_that_has_changed_since_makes_another_experiment(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    store = ResultStore(path)
    store.add(result_of(CELL), "content")

    def rewritten(change: Callable[[dict[str, str]], None]) -> bool:
        with sqlite3.connect(path) as connection:
            (text,) = connection.execute("SELECT settings FROM cells").fetchone()
            settings = json.loads(text)
            change(settings)
            connection.execute("UPDATE cells SET settings = ?", (json.dumps(settings),))
        connection.close()
        return CELL in store.find([CELL], "content")

    # A setting that did not exist then had no other value.
    assert rewritten(lambda settings: settings.pop("sigma"))
    assert not rewritten(lambda settings: settings.update(coreset_ratio="0.2"))


def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than the header of one would be: " + "x" * 200)
    before = path.read_bytes()
    with pytest.raises(PatchSieveError, match=r"notes\.txt"):
        ResultStore(path)
    assert path.read_bytes() == before
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE cells (mine TEXT)")
    connection.close()
    with pytest.raises(PatchSieveError, match="no result file"):
        ResultStore(foreign)
