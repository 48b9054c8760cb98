"""Fitted on the good images alone and on good and bad together; judged out of sample; then the unlabelled images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from patchsieve.detectors import Detector
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.evaluation.course.equal_terms import fold_scores
from patchsieve.evaluation.course.tables import prediction_rows, training_rows, write_rows
from patchsieve.evaluation.course.threshold_rule import ThresholdRule
from patchsieve.evaluation.metrics import ImageMetrics, image_metrics, rank_images
from patchsieve.features import Embeddings
from patchsieve.files import require_writable
from patchsieve.images import ImageRecord, ImageSet, Skipped, content_hash, distinct, read_images
from patchsieve.progress import SILENT, Progress

FitName = Literal["good", "good_and_bad"]
Scores = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CourseFit:
    """One fit and what it says. Every score of a labelled image is by a model that has not seen it.

    Attributes:
        name: "good" if it learnt from train/good alone, "good_and_bad" if train/bad was in it as noise.
        model: the detector, fitted on all images that `name` says.
        scores: anomaly scores float32 `[N]` of the labelled images: those that the model was calibrated with, or
            `fold_scores` where it was not fitted on all of them.
        thresholds: float64 `[N]`, what each was held against: a threshold that its own score had no part in.
        metrics: of scores and verdicts against the labels; its `threshold` is that of the test images.
        test_scores: float32 `[M]`, of the images to predict.
        test_out_of_sample: bool `[M]`, false for those that are exact copies of images the model was fitted on.
    """

    name: FitName
    model: Detector = field(repr=False)
    scores: Scores = field(repr=False)
    thresholds: npt.NDArray[np.float64] = field(repr=False)
    metrics: ImageMetrics
    test_scores: Scores = field(repr=False)
    test_out_of_sample: Bools = field(repr=False)

    @property
    def threshold(self) -> float:
        """What the test images are held against."""
        return self.metrics.threshold

    @property
    def alarms(self) -> Bools:
        """bool `[N]`: which labelled images are called defective."""
        return self.scores > self.thresholds

    @property
    def test_alarms(self) -> Bools:
        """bool `[M]`: which test images are called defective."""
        return self.test_scores > self.threshold


@dataclass(frozen=True)
class CourseResult:
    """What came out of the protocol.

    Attributes:
        category: name of the folder.
        rule: how the thresholds came about.
        images: the N labelled images, in order.
        test: the M images that were predicted, in order.
        fits: that on good images, and, where there are bad ones, that on both.
        skipped: labelled images that were left out, and why.
        test_skipped: test images that could not be decoded, and why.
        notes: what a reader of the figures must know, in sentences.
        files: what was written.
    """

    category: str
    rule: ThresholdRule
    images: ImageSet = field(repr=False)
    test: ImageSet = field(repr=False)
    fits: tuple[CourseFit, ...]
    skipped: tuple[Skipped, ...]
    test_skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    files: tuple[Path, ...] = ()


def course_protocol(
    images: Any,
    detector: Detector,
    *,
    threshold_rule: ThresholdRule | None = None,
    out: Path | str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
) -> CourseResult:
    """Fit, judge and predict as the course project asks, but never judge by images that were learnt from.

    Args:
        images: a folder with train/good, train/bad and an unlabelled test/, or an `ImageSet` of that kind.
        detector: with its settings; it is cloned, not fitted.
        threshold_rule: where to draw the line; by default the model's calibrated threshold.
        out: folder for `<category>_train_predictions.csv` and `<category>_predictions.csv`, None for no files.
        strict: raise at the first image that cannot be decoded instead of skipping it.
        progress: shown the stages of the work.

    Raises:
        ImagesError: there are fewer than two good training images, or the rule needs test images and there are none.
        PatchSieveError: the images cannot be used, or the files cannot be written.
    """
    rule = threshold_rule or ThresholdRule()
    found = read_images(images)
    category = found.root.resolve().name
    to_predict = found.where(lambda record: record.split == "test")
    if rule.kind == "source" and not len(to_predict):
        raise ImagesError(f"the threshold rule source needs test images, and {found.root} has none")
    targets = _targets(out, category, predict=len(to_predict) > 0)
    require_writable(*targets)
    labelled = _labelled(found)
    embeddings = detector.embed(labelled, strict=strict, progress=progress)
    labels = np.array([bool(record.defective) for record in embeddings.images])
    models = _fitted(detector, embeddings, labels, progress)
    test = _predicted(list(models.values()), embeddings, to_predict, strict=strict, progress=progress)
    fits = tuple(
        _judged(name, model, embeddings, labels, rule, test, scores, progress)
        for (name, model), scores in zip(models.items(), test.scores, strict=True)
    )
    result = CourseResult(
        category=category,
        rule=rule,
        images=embeddings.images,
        test=test.images,
        fits=fits,
        skipped=(*embeddings.images.skipped, *embeddings.skipped),
        test_skipped=test.skipped,
        notes=_notes(rule, labels, fits, test),
        files=targets,
    )
    for target, rows in zip(targets, (training_rows(result), prediction_rows(result)), strict=False):
        write_rows(target, rows)
    return result


@dataclass(frozen=True)
class _Test:
    images: ImageSet
    scores: tuple[Scores, ...]
    hashes: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def _targets(out: Path | str | None, category: str, *, predict: bool) -> tuple[Path, ...]:
    if out is None:
        return ()
    names = ["train_predictions", "predictions"] if predict else ["train_predictions"]
    return tuple(Path(out) / f"{category}_{name}.csv" for name in names)


def _labelled(found: ImageSet) -> ImageSet:
    """Return the labelled training images, each once; an image with both labels cannot be judged by either."""
    train = found.where(lambda record: record.split != "test" and record.defective is not None)
    labels: dict[str, set[bool]] = {}
    hashes: dict[str, str] = {}
    for record in train:
        try:
            hashes[record.name] = content_hash(record)
        except BrokenImageError:
            continue  # decoding will name it
        labels.setdefault(hashes[record.name], set()).add(bool(record.defective))
    torn = {name for name, content in hashes.items() if len(labels[content]) == 2}
    kept = distinct(train.where(lambda record: record.name not in torn))
    good = sum(not record.defective for record in kept)
    if good < 2:
        raise ImagesError(
            f"{found.root} (read as layout {found.layout!r}) has {good} images labelled good to learn from, and 2 are "
            "the least: put them into train/good, the defective ones into train/bad"
        )
    both = [
        Skipped(record.name, "the same image is in good and in bad")
        for record in train
        if record.name in torn
    ]
    return replace(kept, skipped=(*kept.skipped, *both))


def _fitted(
    detector: Detector, embeddings: Embeddings, labels: Bools, progress: Progress
) -> dict[FitName, Detector]:
    models: dict[FitName, Detector] = {
        "good": clone(detector).fit(embeddings.take(np.flatnonzero(~labels)), progress=progress)
    }
    if labels.any():
        models["good_and_bad"] = clone(detector).fit(embeddings, progress=progress)
    return models


def _predicted(
    models: Sequence[Detector],
    embeddings: Embeddings,
    images: ImageSet,
    *,
    strict: bool,
    progress: Progress,
) -> _Test:
    """Score images by all models, batch by batch; each image is decoded and embedded once."""
    records: list[ImageRecord] = []
    skipped: list[Skipped] = []
    scores: list[list[Scores]] = [[np.empty(0, np.float32)] for _ in models]
    if len(images):
        for batch in embeddings.extractor.batches(images, strict=strict, progress=progress, title="scoring"):
            records += batch.images
            skipped += batch.skipped
            if len(batch):
                for model, parts in zip(models, scores, strict=True):
                    parts.append(model.predict(batch).scores)
    return _Test(
        images=images.with_records(records),
        scores=tuple(np.concatenate(parts) for parts in scores),
        hashes=tuple(content_hash(record) for record in records),
        skipped=tuple(skipped),
    )


def _judged(
    name: FitName,
    model: Detector,
    embeddings: Embeddings,
    labels: Bools,
    rule: ThresholdRule,
    test: _Test,
    test_scores: Scores,
    progress: Progress,
) -> CourseFit:
    fitted_on = np.flatnonzero(~labels) if name == "good" else np.arange(len(labels))
    others = np.setdiff1d(np.arange(len(labels)), fitted_on)
    own, good = model.training_.scores, ~labels[fitted_on]
    threshold = rule.threshold(own, good, test_scores, model.false_alarms)
    scores, thresholds = np.empty(len(labels), np.float32), np.empty(len(labels))
    if len(others):
        learnt, left_out = (embeddings.features.take(part) for part in (fitted_on, others))
        own, scores[others] = fold_scores(model, learnt, left_out, progress)
        thresholds[others] = rule.threshold(own, good, test_scores, model.false_alarms)
    scores[fitted_on] = own
    thresholds[fitted_on] = rule.held_out(own, good, test_scores, model.false_alarms, model.folds, model.seed)
    # Ranked as they are; counted by what lies above each image's own threshold.
    ranking = rank_images(labels, scores)
    counted = image_metrics(labels, scores - thresholds, 0.0)
    known = set(model.training_.hashes)
    return CourseFit(
        name=name,
        model=model,
        scores=scores,
        thresholds=thresholds,
        metrics=replace(counted, **asdict(ranking), threshold=threshold),
        test_scores=test_scores,
        test_out_of_sample=np.array([content not in known for content in test.hashes], dtype=bool),
    )


def _notes(rule: ThresholdRule, labels: Bools, fits: tuple[CourseFit, ...], test: _Test) -> tuple[str, ...]:
    notes = []
    if rule.kind == "source":
        notes.append(rule.meaning)
    if not labels.any():
        notes.append("there are no images labelled bad: nothing says how many defects would be found")
    for fit in fits:
        seen = int((~fit.test_out_of_sample).sum())
        if seen:
            notes.append(
                f"{seen} of the {len(test.images)} test images are exact copies of images that the fit on "
                f"{fit.name.replace('_', ' ')} learnt from: their scores say nothing about new images"
            )
    return tuple(notes)
