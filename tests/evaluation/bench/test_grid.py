"""Grids on real files: the figures are those of the parts done by hand, nothing is done twice, failures end nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from patchsieve.detectors import SoftPatch
from patchsieve.evaluation.bench import (
    Bench,
    BenchPlan,
    Cell,
    CellResult,
    Condition,
    ResultStore,
    Running,
    System,
    categories,
    conditions,
    side_by_side,
)
from patchsieve.images import Manifest, Overlap, distinct, inject_noise, read_images, split_images

SMALL = {"image_size": 64, "crop": None, "device": "cpu", "batch_size": 4}


def bench(
    folder: Path,
    data: Path,
    systems: tuple[System, ...],
    cases: tuple[Condition, ...],
    *,
    only: tuple[str, ...] = (),
    **running: object,
) -> Bench:
    found, _ = categories([data], only=only)
    settings = {"calibrate": False, "cache": folder / "cache", "manifests": folder / "manifests"} | running
    return Bench(
        BenchPlan(found, systems, cases),
        Running(**settings),  # type: ignore[arg-type]
        ResultStore(folder / "results.sqlite"),
    )


def test_a_cell_is_what_the_same_work_by_hand_gives(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    work = bench(
        tmp_path, dataset, systems[:1], (Condition(0.1, "same", 4),), only=("thick",), calibrate=True
    )
    (result,) = work.run()
    noisy, manifest = inject_noise(read_images(dataset / "thick"), 0.1, overlap="same", seed=4)
    model = SoftPatch(**SMALL, seed=4).fit(noisy)
    expected = model.predict(noisy.test)
    labels = np.array([bool(record.defective) for record in noisy.test])
    assert result.names == noisy.test.names
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_allclose(result.scores, expected.scores, rtol=1e-4)
    assert result.metrics["image_auroc"] == roc_auc_score(labels, result.scores)
    assert result.metrics["threshold"] == pytest.approx(model.threshold_, rel=1e-4)
    assert result.training_names == distinct(noisy.train).names
    np.testing.assert_array_equal(result.training_noise, [bool(one.defective) for one in noisy.train])
    np.testing.assert_allclose(result.training_scores, model.training_.scores, rtol=1e-4)
    assert Manifest.read(tmp_path / "manifests" / "plates-thick-noise0.1-same-seed4.json") == manifest
    for name in ("pixel_auroc", "aupro", "suspects_auroc", "fit_seconds", "image_ms", "file_mib"):
        assert result.metrics[name] is not None


def test_the_whole_grid_is_run_once_and_a_second_run_does_nothing(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    cases = conditions([0, 0.1], ["none", "rotation"], [0])
    work = bench(tmp_path, dataset, systems, cases)
    results = list(work.run())
    assert {result.cell for result in results} == set(work.plan.all_cells)
    assert not [result.failure for result in results if result.failure]
    assert [result.cell for result in work.results()] == list(work.plan.all_cells)
    again = bench(tmp_path, dataset, systems, cases)
    assert (again.missing(), list(again.run())) == ([], [])
    more = bench(tmp_path, dataset, systems, conditions([0, 0.1], ["none", "rotation"], [0, 1]))
    assert sum(len(share.cells) for share in more.missing()) == len(work.plan.all_cells)


def test_workers_find_what_one_process_finds(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    cases = conditions([0, 0.2], ["none", "same"], [0])
    alone = bench(tmp_path / "alone", dataset, systems, cases, only=("thick",))
    together = bench(tmp_path / "together", dataset, systems, cases, only=("thick",))
    expected = {result.cell: result for result in alone.run()}
    found = {result.cell: result for result in together.run(engine=side_by_side(2))}
    assert found.keys() == expected.keys()
    for cell, result in found.items():
        np.testing.assert_allclose(result.scores, expected[cell].scores, rtol=1e-5)


def test_what_is_learnt_with_overlap_and_without_is_learnt_once(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    def run(name: str, overlaps: list[Overlap]) -> dict[Cell, CellResult]:
        work = bench(
            tmp_path / name,
            dataset,
            systems,
            conditions([0, 0.2], overlaps, [0, 1]),
            only=("thick",),
            calibrate=True,
        )
        return {result.cell: result for result in work.run()}

    both = run("both", ["none", "same", "rotation"])
    for one in both.values():
        condition = one.cell.condition
        if condition.noise and condition.overlap == "none":
            overlapping = both[replace(one.cell, condition=replace(condition, overlap="same"))]
            # Two fits never take the same time to the nanosecond.
            assert one.metrics["fit_seconds"] == overlapping.metrics["fit_seconds"]
            assert set(one.names) < set(overlapping.names)
    assert len({one.metrics["fit_seconds"] for one in both.values()}) == len(systems) * 2 * (1 + 2)
    for cell, apart in run("apart", ["none"]).items():
        assert both[cell].names == apart.names
        np.testing.assert_allclose(both[cell].scores, apart.scores, rtol=1e-5)
        np.testing.assert_allclose(both[cell].training_scores, apart.training_scores, rtol=1e-5)
        assert both[cell].metrics["pixel_auroc"] == pytest.approx(apart.metrics["pixel_auroc"], abs=1e-6)
        assert both[cell].metrics["threshold"] == pytest.approx(apart.metrics["threshold"], rel=1e-5)


def test_stopped_in_the_middle_it_goes_on_where_it_was(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    work = bench(tmp_path, dataset, systems, conditions([0, 0.1], ["none"], [0]), only=("thick",))
    stopped = work.run()
    first = [next(stopped).cell, next(stopped).cell]
    stopped.close()
    rest = [result.cell for result in work.run()]
    assert not set(first) & set(rest)
    assert set(first) | set(rest) == set(work.plan.all_cells)


def test_failures_are_recorded_and_tried_again(dataset: Path, tmp_path: Path) -> None:
    absent = System("absent", "patchcore", {**SMALL, "backbone": "onnx:nowhere.onnx"})
    whole = System("padim", "padim", SMALL)
    cases = (Condition(), Condition(0.9, "none", 0))
    work = bench(tmp_path, dataset, (absent, whole), cases, only=("thin",))
    results = {(one.cell.system.name, one.cell.condition.noise): one for one in work.run()}
    assert results["padim", 0.0].failure is None
    assert "too_few" in (results["padim", 0.9].failure or "") or "defective" in (
        results["padim", 0.9].failure or ""
    )
    assert "nowhere.onnx" in (results["absent", 0.0].failure or "")
    again = [cell for share in work.missing() for cell in share.cells]
    assert len(again) == 3


def test_without_a_split_some_good_images_are_kept_for_judging(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    work = bench(tmp_path, dataset, systems[1:], (Condition(),), only=("thin",), test_share=0.5)
    (result,) = work.run()
    images = split_images(read_images(dataset / "thin"), 0.5, seed=0)
    assert result.names == images.test.names
    assert (result.labels.sum(), (~result.labels).sum()) == (5, 6)
    assert result.metrics["pixel_auroc"] is None


def test_other_images_in_the_same_folder_are_run_anew(
    dataset: Path, systems: tuple[System, ...], tmp_path: Path
) -> None:
    copy = tmp_path / "thin"
    for source in (dataset / "thin").rglob("*.png"):
        target = copy / source.relative_to(dataset / "thin")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    work = bench(tmp_path, copy, systems[1:], (Condition(),))
    assert len(list(work.run())) == 1
    next(copy.rglob("bad/*.png")).unlink()
    assert len(bench(tmp_path, copy, systems[1:], (Condition(),)).missing()) == 1


def test_given_manifests_are_followed(dataset: Path, systems: tuple[System, ...], tmp_path: Path) -> None:
    case = (Condition(0.1, "none", 0),)
    first = bench(tmp_path / "first", dataset, systems[1:], case, only=("thick",))
    drawn: list[CellResult] = list(first.run())
    _, other = inject_noise(read_images(dataset / "thick"), 0.1, overlap="none", seed=11)
    given = tmp_path / "given"
    given.mkdir()
    other.write(given / "plates-thick-noise0.1-none-seed0.json")
    second = bench(tmp_path / "first", dataset, systems[1:], case, only=("thick",), given=given)
    (followed,) = second.run()
    moved = {entry.name for entry in other.entries}
    assert not moved & set(followed.names)
    assert followed.names != drawn[0].names
    written = tmp_path / "first" / "manifests" / "plates-thick-noise0.1-none-seed0.json"
    assert json.loads(written.read_text()) == json.loads((given / written.name).read_text())
    missing = bench(tmp_path / "first", dataset, systems[1:], (Condition(0.2),), only=("thick",), given=given)
    (failed,) = missing.run()
    assert "plates-thick-noise0.2-none-seed0.json" in (failed.failure or "")
