"""From a model and today's images to the answer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from patchsieve.detectors import Detector
from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.evaluation.drift.findings import Finding, Rules, Sample, findings
from patchsieve.evaluation.drift.report import DriftReport, Verdict
from patchsieve.features import pooled
from patchsieve.features.embeddings import none_decoded
from patchsieve.images import Appearance, ImageRecord, ImageSet, Skipped, content_hash, read_images
from patchsieve.progress import SILENT, Progress

# Fewer than these say little about small changes.
_FEW_TODAY, _FEW_TRAINING = 20, 50


def drift(
    model: Detector,
    images: Any,
    rules: Rules | None = None,
    *,
    strict: bool = False,
    progress: Progress = SILENT,
) -> DriftReport:
    """Say whether images still look like those that a model was fitted on.

    Compared are the anomaly scores, the images' brightness, contrast, sharpness, colour and position, and how the
    backbone sees them as a whole. A difference counts where it is significant after the correction for all tests,
    large enough to matter, and still there when the share of images that may be defective is left out.

    Args:
        model: fitted.
        images: a folder, files, arrays or an `ImageSet` (all its images are taken).
        rules: when a difference counts; None for the defaults.
        strict: raise at the first image that cannot be decoded instead of skipping it.
        progress: shown one unit an image.

    Raises:
        ImagesError: there are no images that the model has not learnt from, or too few to say anything.
        ConfigError: the model was fitted to rank only.
    """
    rules = rules or Rules()
    if not hasattr(model, "training_"):
        raise ConfigError("this model knows none of its training images to compare with: fit it, or load one")
    fresh, seen = _unseen(model, read_images(images))
    compared, today, skipped = _looked_at(model, fresh, strict, progress)
    training = _training(model)
    tests = findings(training, today, rules, nearest=isinstance(model, BankDetector))
    alarms, before = (int(np.sum(each.scores > model.threshold_)) for each in (today, training))
    table = [[alarms, len(today) - alarms], [before, len(training) - before]]
    p_value = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return DriftReport(
        verdict=_verdict(tests, p_value, rules),
        findings=tests,
        rules=rules,
        training=training,
        today=today,
        images=compared,
        threshold=model.threshold_,
        alarms=alarms,
        training_alarms=before,
        alarms_p_value=p_value,
        skipped=skipped,
        seen=seen,
        notes=tuple(_notes(training, today, seen)),
    )


def _verdict(tests: tuple[Finding, ...], alarms_p_value: float, rules: Rules) -> Verdict:
    if any(each.drifted for each in tests):
        return "drift"
    return "defects" if alarms_p_value <= rules.level else "none"


def _training(model: Detector) -> Sample:
    record = model.training_
    return Sample(
        record.scores,
        None if record.pooled is None else record.pooled.float().numpy(),
        record.appearance,
    )


def _unseen(model: Detector, images: ImageSet) -> tuple[ImageSet, tuple[str, ...]]:
    """Return the images that the model has not learnt from, and the names of the others."""
    known, seen = set(model.training_.hashes), set()
    for record in images:
        try:
            if content_hash(record) in known:
                seen.add(record.name)
        except BrokenImageError:
            # It is named when it is decoded.
            continue
    fresh = images.where(lambda record: record.name not in seen)
    if not fresh:
        raise ImagesError(
            f"all {len(images)} images in {images.root} are images that the model has learnt from: give it new ones"
            if seen
            else f"there are no images in {images.root}"
        )
    return fresh, tuple(name for name in images.names if name in seen)


def _looked_at(
    model: Detector, images: ImageSet, strict: bool, progress: Progress
) -> tuple[ImageSet, Sample, tuple[Skipped, ...]]:
    """Score images and measure what else is compared, in memory that holds the features of one batch."""
    records: list[ImageRecord] = []
    scores: list[npt.NDArray[np.float32]] = []
    vectors: list[torch.Tensor] = []
    figures: list[Appearance] = []
    skipped: list[Skipped] = []
    batches = model.extractor_.batches(
        images, strict=strict, progress=progress, title="comparing", measure=True
    )
    for batch in batches:
        skipped += batch.skipped
        if len(batch) and batch.appearance is not None:
            records += batch.images
            scores.append(model.predict(batch).scores)
            vectors.append(pooled(batch.features))
            figures.append(batch.appearance)
    if not records:
        raise none_decoded(images, skipped)
    sample = Sample(np.concatenate(scores), torch.cat(vectors).float().numpy(), np.concatenate(figures))
    return images.with_records(records), sample, (*images.skipped, *skipped)


def _notes(training: Sample, today: Sample, seen: tuple[str, ...]) -> list[str]:
    notes = []
    lacking = [
        words
        for words, values in (
            ("how the backbone sees them as a whole", training.pooled),
            ("their brightness, sharpness, colour and position", training.appearance),
        )
        if values is None
    ]
    if lacking:
        notes.append(
            f"the model does not know of its training images {' or '.join(lacking)}, so that was not compared: it was "
            "fitted by an older version, or from features that somebody else extracted; fit again to have it"
        )
    if seen:
        more = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
        notes.append(f"left out {seen[0]}{more}: the model has learnt from the same image")
    if len(today) < _FEW_TODAY:
        notes.append(
            f"only {len(today)} images were compared: a moderate drift may go unnoticed; take {_FEW_TODAY} or more"
        )
    if len(training) < _FEW_TRAINING:
        notes.append(
            f"the model was fitted on {len(training)} images only: what is usual for them is a rough estimate"
        )
    return notes
