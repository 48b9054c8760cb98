"""Images of today beside the images of training that are most like them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from patchsieve.decisions import Result
from patchsieve.detectors import Detector
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.evaluation.drift import DriftReport
from patchsieve.images import ImageRecord, decode
from patchsieve.pictures.overlay import colour_scale, overlay
from patchsieve.pictures.rows import THUMBNAIL_SIDE, Picture, photo_uri

_WORST = 6
_TYPICAL = 2


class Pair(NamedTuple):
    """One image of today with what it is compared to."""

    name: str
    score: str
    alarm: bool
    pictures: tuple[Picture, ...]


def typical(report: DriftReport, model: Detector) -> tuple[Pair, ...]:
    """Return the most ordinary images of today beside the most ordinary ones of training."""
    if report.today.pooled is None or report.training.pooled is None:
        return ()
    ours = _most_ordinary(report.today.pooled)
    theirs = _most_ordinary(report.training.pooled)
    return _pairs(report, model, list(zip(ours, theirs, strict=False)), "an ordinary image of training")


def worst(report: DriftReport, model: Detector) -> tuple[Pair, ...]:
    """Return today's images with the highest scores, each beside the image of training that it is most like."""
    chosen = report.ranked()[:_WORST].tolist()
    nearest = [_nearest(report, index) for index in chosen]
    return _pairs(
        report, model, list(zip(chosen, nearest, strict=True)), "the most similar image of training"
    )


def _pairs(
    report: DriftReport, model: Detector, chosen: list[tuple[int, int | None]], caption: str
) -> tuple[Pair, ...]:
    result = _again(report, model, [today for today, _ in chosen])
    if result is None:
        return ()
    beside = {report.images[today].name: other for today, other in chosen}
    scale = colour_scale(model)
    pairs = []
    for index, record in enumerate(result.images):
        pixels = _pixels(record)
        if pixels is None:
            continue
        left, top, right, bottom = result.boxes[index].tolist()
        marked = overlay(pixels, result.maps[index], scale, (left, top, right, bottom))
        pictures = [
            _picture("today", f"today's image {record.name}", pixels),
            _picture("today, overlay", f"{record.name} coloured by its anomaly map", marked),
        ]
        other = beside[record.name]
        if other is not None:
            known = model.training_.images[other]
            if (there := _pixels(known)) is not None:
                pictures.append(_picture(f"{caption}: {known.name}", f"training image {known.name}", there))
        score = float(result.scores[index])
        pairs.append(
            Pair(
                record.name,
                f"score {score:.4g}, {score / report.threshold:.2f} times the threshold",
                score > report.threshold,
                tuple(pictures),
            )
        )
    return tuple(pairs)


def _again(report: DriftReport, model: Detector, chosen: list[int]) -> Result | None:
    """Score a few images again: of all images, the maps would not fit into memory."""
    try:
        return model.predict(report.images.with_records([report.images[index] for index in chosen]))
    except ImagesError:
        # Gone since: the figures still have their scores.
        return None


def _most_ordinary(vectors: npt.NDArray[np.floating]) -> list[int]:
    distances = np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1)
    return [int(index) for index in np.argsort(distances, kind="stable")[:_TYPICAL]]


def _nearest(report: DriftReport, index: int) -> int | None:
    if report.today.pooled is None or report.training.pooled is None:
        return None
    distances = np.linalg.norm(report.training.pooled - report.today.pooled[index], axis=1)
    return int(distances.argmin())


def _pixels(record: ImageRecord) -> npt.NDArray[np.uint8] | None:
    try:
        return decode(record)
    except BrokenImageError:
        # Training images may lie on another machine by now.
        return None


def _picture(caption: str, alt: str, pixels: npt.NDArray[np.uint8]) -> Picture:
    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return Picture(caption, alt, photo_uri(np.asarray(small)))
