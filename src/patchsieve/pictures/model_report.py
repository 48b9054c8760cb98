"""Reports about a fitted model: what it learnt, and how it did on labelled images."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import yaml

from patchsieve.decisions import Result
from patchsieve.detectors import Detector
from patchsieve.detectors.evidence import evidence
from patchsieve.errors import BrokenImageError
from patchsieve.evaluation import Evaluation
from patchsieve.features import FeatureExtractor
from patchsieve.images import Mask, Skipped, decode, decode_mask
from patchsieve.pictures.cutout import Cutout
from patchsieve.pictures.evidence import cutouts
from patchsieve.pictures.examples import worst_and_best
from patchsieve.pictures.overlay import colour_scale
from patchsieve.pictures.report import NextStep, Report
from patchsieve.pictures.rows import ReportImage

_MOST_SUSPECTS = 20
_FEWEST_SUSPECTS = 6
_EXAMPLES = 6
_PACKAGES = ("patchsieve", "torch", "numpy", "pillow", "scikit-learn")


def model_report(
    model: Detector,
    *,
    title: str,
    headline: str,
    next_steps: Sequence[NextStep] = (),
    evaluation: Evaluation | None = None,
) -> Report:
    """Say what a model learnt from its training images and, if it was evaluated, how it did.

    Args:
        model: fitted; its training images are shown where their files are still in place.
        title: of the page.
        headline: one or two plain sentences.
        next_steps: what the reader may do now.
        evaluation: adds the judgement of labelled images.
    """
    report: dict[str, Any] = {
        "title": title,
        "created": datetime.now().astimezone(),
        "headline": headline,
        "scale": colour_scale(model),
        "threshold": model.threshold_,
        "pixel_threshold": model.pixel_threshold_,
        "next_steps": tuple(next_steps),
        "facts": _facts(model),
        "training_scores": model.training_.scores,
        "suspects": _suspects(model),
        "config": configuration(model),
        "versions": {"python": python_version(), **{package: version(package) for package in _PACKAGES}},
        "timings": model.timings_,
    }
    skipped: tuple[Skipped, ...] = model.training_.skipped
    warnings = [*model_warnings(model)]
    if evaluation is not None:
        report |= _judgement(evaluation)
        skipped += evaluation.result.skipped
        warnings += evaluation.notes
    return Report(**report, skipped=skipped, warnings=tuple(warnings))


def configuration(model: Detector) -> str:
    """Return the exact configuration as YAML, layers and sizes as they were resolved."""
    settings = model.get_params(deep=False) | {"layers": list(model.extractor_.backbone.layers)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    text: str = yaml.safe_dump({"detector": model.system, **plain}, sort_keys=False, default_flow_style=None)
    return text


def model_warnings(model: Detector) -> tuple[str, ...]:
    """Say what limits a model, in sentences."""
    warnings = []
    images = len(model.training_.images)
    if images < 50:
        warnings.append(
            f"only {images} training images: the threshold is a rough estimate, expect it to move when more are added"
        )
    preprocessing = model.extractor_.preprocessing
    if preprocessing.crop is not None:
        seen = (
            preprocessing.crop[0]
            * preprocessing.crop[1]
            / (preprocessing.image_size[0] * preprocessing.image_size[1])
        )
        if seen < 1:
            warnings.append(
                f"the centre crop leaves out the outer {100 * (1 - seen):.0f} % of every image, as in the papers: "
                "defects there are not seen; fit with --crop none to inspect whole images"
            )
    if model.image_size == "native":
        size = preprocessing.image_size
        other = int((model.training_.sizes != np.array(size)).any(axis=1).sum())
        if other:
            warnings.append(
                f"{other} of the {images} training images {'is' if other == 1 else 'are'} not {size[0]} x {size[1]} "
                "pixels large, as the others are: brought to that size, what they show has another scale"
            )
    return tuple(warnings)


def report_images(
    result: Result, indices: Sequence[int], cut_out: Mapping[str, tuple[Cutout, ...]] | None = None
) -> tuple[ReportImage, ...]:
    """Return some of a result's images for a report, thumbnails only; those whose files are gone are left out.

    Args:
        result: of the images.
        indices: which of them.
        cut_out: the evidence of suspects, by name.
    """
    images = []
    for index in indices:
        record = result.images[index]
        try:
            pixels = decode(record)
        except BrokenImageError:
            # Scored once, but moved or broken since: the table still has its score.
            continue
        mask: Mask | None = None
        if record.mask is not None:
            with suppress(BrokenImageError):  # the evaluation's notes name it
                mask = decode_mask(record)
        left, top, right, bottom = result.boxes[index].tolist()
        image = ReportImage(
            name=record.name,
            pixels=pixels,
            anomaly_map=result.maps[index],
            box=(left, top, right, bottom),
            score=float(result.scores[index]),
            mask=mask,
            defective=record.defective,
            defect=record.defect,
            evidence=(cut_out or {}).get(record.name, ()),
        )
        images.append(image.thumbnail())
    return tuple(images)


def _suspects(model: Detector) -> tuple[ReportImage, ...]:
    training = model.training_
    above = int((training.scores[training.unmarked()] > model.threshold_).sum())
    suspects = model.suspects(min(_MOST_SUSPECTS, max(_FEWEST_SUSPECTS, above)))
    return report_images(suspects, range(len(suspects)), suspect_cutouts(model, suspects))


def suspect_cutouts(model: Detector, suspects: Result) -> dict[str, tuple[Cutout, ...]]:
    """Return the evidence of suspects, by name; those that cannot be read any more are missing."""
    place = {name: index for index, name in enumerate(model.training_.images.names)}
    found = evidence(model, [place[name] for name in suspects.images.names])
    return {model.training_.images[index].name: cutouts(model, each) for index, each in found.items()}


def _judgement(evaluation: Evaluation) -> dict[str, Any]:
    result = evaluation.result
    worst, best = worst_and_best(evaluation.labels, result.scores, result.threshold, _EXAMPLES)
    return {
        "test_scores": result.scores,
        "test_labels": evaluation.labels,
        "image_metrics": evaluation.image,
        "pixel_metrics": evaluation.pixel if evaluation.pixel.regions else None,
        "worst": report_images(result, worst),
        "best": report_images(result, best),
    }


def _facts(model: Detector) -> tuple[tuple[str, str], ...]:
    extractor = model.extractor_
    training = model.training_
    height, width = extractor.preprocessing.frame
    rows = [
        (
            "Training images",
            f"{len(training.images)} from {training.images.root} (layout {training.images.layout})",
        ),
        ("Detector", model.system),
        ("Backbone", f"{extractor.backbone.name}, layers {', '.join(extractor.backbone.layers)}"),
        ("Model frame", f"{width} x {height} pixels{_in_tiles(extractor)}"),
        (
            "Threshold",
            f"{model.threshold_:.4g} ({model.operating_points_[None].rule})",
        ),
    ]
    rows += [
        (f"Operating point {point.name}", f"{point.threshold:.4g} ({point.rule})")
        for point in model.operating_points_
        if point.name != model.operating_points_.default
    ]
    if words := model.operating_points_[None].words:
        rows.append(("What is known of the threshold", "; ".join(words)))
    bank = getattr(model, "bank_", None)
    if bank is not None:
        rows.insert(3, ("Memory bank", f"{len(bank):,} patches of {bank.features.shape[1]} channels"))
    dropped = model.dropped_images
    if dropped:
        worst = ", ".join(dropped[:_MOST_SUSPECTS]) + (", ..." if len(dropped) > _MOST_SUSPECTS else "")
        rows.append((f"Images {model.why_dropped}", f"{len(dropped)}, the worst first: {worst}"))
    if model.finding:
        rows.append(("Contamination", model.finding))
    return tuple(rows)


def _in_tiles(extractor: FeatureExtractor) -> str:
    tiling = extractor.tiling
    return "" if tiling is None else f", in {len(tiling)} tiles of {tiling.tile[1]} x {tiling.tile[0]}"
