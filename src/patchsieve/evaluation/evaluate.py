"""A fitted model held against labelled images."""

from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from patchsieve.decisions import Costs, Result
from patchsieve.detectors import Detector
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.evaluation.metrics import ImageMetrics, PixelMetrics, image_metrics, pixel_metrics
from patchsieve.images import Mask, content_hash, decode_mask, read_images
from patchsieve.images.preprocessing import Preprocessing
from patchsieve.progress import SILENT, Progress


@dataclass(frozen=True)
class Evaluation:
    """What labelled images say about a model.

    Attributes:
        result: scores, maps and verdicts of the N labelled images.
        labels: bool `[N]`, true for defective.
        image: metrics of the scores against the labels.
        pixel: metrics of the maps against the masks in the model frame; undefined where no defective image has a
            mask.
        masks: bool `[h, w]` in the model frame for each image; None for a defective image without a mask, which
            is then left out of `pixel`.
        seen: number of the N images that the model was fitted on: their scores say nothing about new images.
        notes: what a reader of the numbers must know, in sentences.
        operating_points: for the name of each operating point of the model, its threshold and what it costs on these
            images.
    """

    result: Result = field(repr=False)
    labels: npt.NDArray[np.bool_] = field(repr=False)
    image: ImageMetrics
    pixel: PixelMetrics
    masks: tuple[Mask | None, ...] = field(repr=False)
    seen: int
    notes: tuple[str, ...]
    operating_points: dict[str, tuple[float, Costs]]


def evaluate(
    model: Detector, images: Any, *, strict: bool = False, progress: Progress = SILENT
) -> Evaluation:
    """Score the labelled test images and judge the model by them.

    Args:
        model: fitted.
        images: a folder in a layout with labels, or an `ImageSet`. The test part is used, or all images where
            the layout has no splits.
        strict: raise at the first image that cannot be decoded instead of skipping it.
        progress: shown one unit an image.

    Raises:
        ImagesError: no image has a label.
    """
    found = read_images(images)
    labelled = found.test.where(lambda record: record.defective is not None)
    if not len(labelled):
        raise ImagesError(
            f"{found.root} (read as layout {found.layout!r}) has no labelled test images to judge by: "
            "put them into folders such as test/good and test/defect, or good and bad"
        )
    result = model.predict(labelled, strict=strict, progress=progress)
    labels = np.array([bool(record.defective) for record in result.images])
    masks, notes = _masks(model, result)
    pairs = [
        (anomaly_map, mask) for anomaly_map, mask in zip(result.maps, masks, strict=True) if mask is not None
    ]
    known = set(model.training_.hashes)
    seen = sum(content_hash(record) in known for record in result.images)
    if seen:
        notes.insert(
            0, f"{seen} of the {len(result)} images were in the training set: these figures flatter the model"
        )
    return Evaluation(
        result=result,
        labels=labels,
        image=image_metrics(labels, result.scores, result.threshold),
        pixel=pixel_metrics([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
        masks=tuple(masks),
        seen=seen,
        notes=tuple(notes),
        operating_points={
            point.name: (point.threshold, Costs.of(labels, result.scores > point.threshold))
            for point in model.operating_points_
        },
    )


def _masks(model: Detector, result: Result) -> tuple[list[Mask | None], list[str]]:
    preprocessing = model.extractor_.preprocessing
    masks: list[Mask | None] = []
    missing = hidden = thin = 0
    notes = []
    for record in result.images:
        mask: Mask | None = None
        if not record.defective:
            mask = np.zeros(preprocessing.frame, dtype=bool)
        elif record.mask is not None:
            try:
                whole = decode_mask(record)
                mask = preprocessing.mask(whole)
                if whole.any() and not mask.any():
                    seen = _is_in_frame(whole, preprocessing)
                    thin, hidden = thin + seen, hidden + (not seen)
            except BrokenImageError as error:
                notes.append(f"the mask {error} and is left out of the pixel figures")
        else:
            missing += 1
        masks.append(mask)
    if 0 < missing < sum(bool(record.defective) for record in result.images):
        notes.append(f"{missing} defective images have no mask and are left out of the pixel figures")
    if hidden:
        notes.append(
            f"{hidden} defective images have their whole defect outside the part that the model sees "
            "(the centre crop); fit with --crop none to inspect whole images"
        )
    if thin:
        notes.append(
            f"{thin} defective images have a defect too thin for the model frame: none of its pixels has it in its "
            "centre, so the pixel figures do not count it; fit with a larger --image-size"
        )
    return masks, notes


def _is_in_frame(mask: Mask, preprocessing: Preprocessing) -> bool:
    left, top, right, bottom = preprocessing.box(*mask.shape)
    return bool(mask[floor(top) : ceil(bottom), floor(left) : ceil(right)].any())
