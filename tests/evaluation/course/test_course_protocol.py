"""The course project's protocol on a small real tree: no image is judged by a model that has it in its bank."""

import csv
import shutil
from collections.abc import Callable
from copy import copy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.metrics import confusion_matrix, roc_auc_score

from patchsieve.detectors import PatchCore, SoftPatch
from patchsieve.errors import ImagesError, PatchSieveError
from patchsieve.evaluation.course import COLUMNS, CourseResult, ThresholdRule, course_protocol
from patchsieve.images import content_hash, read_images
from patchsieve.images.synthetic import DEFECT_KINDS, render_part

SETTINGS = {"image_size": 192, "crop": None, "folds": 3, "bank_size": 2000}
SMALL = {"image_size": 64, "crop": None, "folds": 3}
TEST_DEFECTS = 4


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 good and 6 bad parts of the demonstration; 10 to predict, the last four defective; for reading only."""
    root = tmp_path_factory.mktemp("course") / "flange"
    coarse = ("missing_hole", "chipped_edge", "torn_gasket", "stain")
    assert set(coarse) <= set(DEFECT_KINDS)

    def save(path: Path, seed: int, defect: str | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(render_part(seed, 192, defect)[0]).save(path)

    for index in range(20):
        save(root / "train" / "good" / f"{index:02}.png", index, None)
    for index in range(6):
        save(root / "train" / "bad" / f"{index:02}.png", 100 + index, coarse[index % 4])
    for index in range(10):
        defect = coarse[index % 4] if index >= 10 - TEST_DEFECTS else None
        save(root / "test" / f"{index:02}.png", 200 + index, defect)
    return root


@pytest.fixture(scope="module")
def plate(parts: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9 good and 4 bad parts that are drawn by a few lines, and 10 to predict; for reading only."""
    root = tmp_path_factory.mktemp("course") / "plate"
    parts(root / "train" / "good", 9)
    parts(root / "train" / "bad", 0, 4, first=50)
    parts(root / "test", 8, 2, first=80)
    return root


@pytest.fixture(scope="module")
def result(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> CourseResult:
    return course_protocol(tree, PatchCore(**SETTINGS), out=tmp_path_factory.mktemp("out"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_defects_are_found_and_figures_are_those_of_the_scores(result: CourseResult) -> None:
    labels = np.array([record.defective for record in result.images])
    assert labels.sum() == 6
    assert [fit.name for fit in result.fits] == ["good", "good_and_bad"]
    for fit in result.fits:
        assert fit.metrics.auroc == roc_auc_score(labels, fit.scores)
        counts = confusion_matrix(labels, fit.scores > fit.thresholds).ravel().tolist()
        figures = fit.metrics
        assert counts == [
            figures.true_negatives,
            figures.false_positives,
            figures.false_negatives,
            figures.true_positives,
        ]
        assert figures.recall == counts[3] / 6
    assert result.fits[0].metrics.auroc > 0.8
    worst = np.argsort(-result.fits[0].test_scores)[:TEST_DEFECTS]
    assert sum(result.test.names[index] >= "test/06.png" for index in worst) >= TEST_DEFECTS - 1


def test_no_judged_image_is_in_the_bank_that_judges_it(result: CourseResult) -> None:
    """Again by hand: each fold by a model of the others, and the bad images by the same models; with the bad images in
    the bank, each by the bank without its own patches."""
    hashes = [content_hash(record) for record in result.images]
    labels = np.array([record.defective for record in result.images])
    detector = PatchCore(**SETTINGS)
    embeddings = detector.embed(result.images)
    good_only, both = result.fits
    assert set(good_only.model.training_.hashes) == {
        content for content, bad in zip(hashes, labels, strict=True) if not bad
    }
    assert set(both.model.training_.hashes) == set(hashes)
    good, bad = np.flatnonzero(~labels), np.flatnonzero(labels)
    order = np.random.default_rng(0).permutation(len(good))
    dealt = np.array_split(np.random.default_rng(0).permutation(len(bad)), 3)
    for fold, part in zip(np.array_split(order, 3), dealt, strict=True):
        rest = good[np.setdiff1d(order, fold)]
        model = clone(good_only.model).for_fewer(len(rest), len(good))
        learnt = embeddings.take(rest)
        judged = np.concatenate([good[fold], bad[part]])
        assert not {hashes[index] for index in judged} & set(map(content_hash, learnt.images))
        model.learn(learnt.features)
        scores, _ = model.score(embeddings.take(judged).features.tensor())
        np.testing.assert_allclose(good_only.scores[judged], scores.numpy(), rtol=1e-5)
    bank = both.model.bank_
    for index in range(len(labels)):
        alone = copy(both.model)
        alone.bank_ = bank.take(bank.origins[:, 0] != index)
        scores, _ = alone.score(embeddings.features.images(index, index + 1))
        np.testing.assert_allclose(both.scores[index], scores[0], rtol=1e-5)


def test_the_files_hold_what_the_result_says(result: CourseResult) -> None:
    training, predictions = map(rows, result.files)
    assert [path.name for path in result.files] == [
        "flange_train_predictions.csv",
        "flange_predictions.csv",
    ]
    assert tuple(training[0]) == COLUMNS == tuple(predictions[0])
    assert len(training) == 2 * 26
    assert len(predictions) == 2 * 10
    for table, names in ((training, result.images.names), (predictions, result.test.names)):
        for fit, part in zip(result.fits, (table[: len(names)], table[len(names) :]), strict=True):
            assert [row["image"] for row in part] == list(names)
            assert {row["fit"] for row in part} == {fit.name}
            assert {row["out_of_sample"] for row in part} == {"true"}
            for row in part:
                alarm = float(row["score"]) > float(row["threshold"])
                assert row["verdict"] == ("defect" if alarm else "good")
    for row in training:
        assert row["label"] == ("good" if "/good/" in row["image"] else "defect")
    assert {row["label"] for row in predictions} == {""}
    for fit in result.fits:
        labels = [row["label"] == "defect" for row in training if row["fit"] == fit.name]
        scores = [float(row["score"]) for row in training if row["fit"] == fit.name]
        assert roc_auc_score(labels, scores) == fit.metrics.auroc
        assert fit.threshold == fit.model.threshold_


def test_the_rule_decides_what_is_called_a_defect(plate: Path) -> None:
    result = course_protocol(plate, PatchCore(**SMALL))
    forced = course_protocol(plate, PatchCore(**SMALL), threshold_rule=ThresholdRule("source"))
    assert forced.files == ()
    assert ThresholdRule("source").meaning in forced.notes
    for fit, before in zip(forced.fits, result.fits, strict=True):
        assert np.array_equal(fit.test_scores, before.test_scores)
        assert fit.threshold == np.percentile(fit.test_scores, 90)
        assert fit.test_alarms.sum() == 1
        assert fit.metrics.auroc == before.metrics.auroc
    assert result.notes == ()


def test_copies_and_torn_labels_are_named(plate: Path, tmp_path: Path) -> None:
    root = tmp_path / "plate"
    shutil.copytree(plate, root)
    shutil.copy(root / "train/good/part_00.png", root / "test/10.png")
    shutil.copy(root / "train/bad/part_01.png", root / "test/11.png")
    shutil.copy(root / "train/good/part_01.png", root / "train/bad/both.png")
    shutil.copy(root / "train/good/part_02.png", root / "train/good/twice.png")
    (root / "train/bad/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "test/broken.png").write_bytes(b"no image")
    out = tmp_path / "out"
    result = course_protocol(root, SoftPatch(**SMALL), out=out)
    reasons = {skip.name: skip.reason for skip in result.skipped}
    assert (
        reasons["train/good/part_01.png"]
        == reasons["train/bad/both.png"]
        == "the same image is in good and in bad"
    )
    assert reasons["train/good/twice.png"] == "exact copy of train/good/part_02.png"
    assert "train/bad/broken.png" in reasons
    assert [skip.name for skip in result.test_skipped] == ["test/broken.png"]
    assert not {"train/good/part_01.png", "train/bad/both.png"} & set(result.images.names)
    seen = {
        fit.name: [
            name for name, new in zip(result.test.names, fit.test_out_of_sample, strict=True) if not new
        ]
        for fit in result.fits
    }
    assert seen == {"good": ["test/10.png"], "good_and_bad": ["test/10.png", "test/11.png"]}
    assert [note.split(":")[0].split(" of the ")[0] for note in result.notes] == ["1", "2"]
    table = rows(out / "plate_predictions.csv")
    assert [row["image"] for row in table if row["out_of_sample"] == "false"] == [
        "test/10.png",
        "test/10.png",
        "test/11.png",
    ]
    assert [row["image"] for row in table if row["verdict"] == "skipped"] == ["test/broken.png"]
    assert len([row for row in rows(out / "plate_train_predictions.csv") if row["verdict"] == "skipped"]) == 4


def test_without_bad_or_test_images_there_is_less_to_say(plate: Path, tmp_path: Path) -> None:
    images = read_images(plate)
    unjudged = course_protocol(images.where(lambda one: not one.defective), PatchCore(**SMALL))
    assert [fit.name for fit in unjudged.fits] == ["good"]
    assert unjudged.fits[0].metrics.auroc is None
    assert "no images labelled bad" in unjudged.notes[0]
    without_test = images.where(lambda one: one.split == "train")
    out = tmp_path / "out"
    result = course_protocol(without_test, PatchCore(**SMALL), out=out)
    assert [path.name for path in out.iterdir()] == ["plate_train_predictions.csv"] == [result.files[0].name]
    with pytest.raises(ImagesError, match="source needs test images"):
        course_protocol(without_test, PatchCore(**SMALL), threshold_rule=ThresholdRule("source"))


def test_what_cannot_be_judged_is_refused_before_the_work(plate: Path, tmp_path: Path) -> None:
    images = read_images(plate)
    with pytest.raises(ImagesError, match="has 0 images labelled good to learn from"):
        course_protocol(images.where(lambda one: one.defective is not False), PatchCore(**SMALL))
    (tmp_path / "file").write_text("")
    with pytest.raises(PatchSieveError, match="is a file, not a folder"):
        course_protocol(images, PatchCore(**SMALL), out=tmp_path / "file")


def test_the_manual_names_every_column() -> None:
    text = (Path(__file__).parents[3] / "docs" / "course.md").read_text("utf-8")
    table = text.split("| column | means |\n| --- | --- |\n")[1].split("\n\n")[0]
    assert tuple(row.split("`")[1] for row in table.splitlines()) == COLUMNS
