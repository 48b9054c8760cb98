"""Operating points of a model file: read and changed without a backbone, and chosen on labelled images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from patchsieve.bank import read_container, write_container
from patchsieve.decisions import OperatingPoint, OperatingPoints, Purpose, labelled_threshold
from patchsieve.detectors.base import Detector
from patchsieve.detectors.training import TrainingRecord
from patchsieve.errors import ImagesError
from patchsieve.images import ImageSet, content_hash
from patchsieve.progress import SILENT, Progress


@dataclass(frozen=True)
class PointsFile:
    """The operating points of a model file, and what they follow from.

    Attributes:
        points: as they are in the file.
        training: the training images with their scores.
    """

    points: OperatingPoints
    training: TrainingRecord = field(repr=False)
    _tensors: Mapping[str, torch.Tensor] = field(repr=False)
    _header: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path | str) -> "PointsFile":
        """Read a model file. Raises `ModelFileError` where it is none."""
        tensors, header = read_container(path)
        training = TrainingRecord.restored(tensors, header["training"])
        return cls(OperatingPoints.restored(header), training, tensors, header)

    def write(self, path: Path | str, points: OperatingPoints) -> None:
        """Write the model with other operating points, whole or not at all; all else stays as it is.

        Raises:
            ModelFileError: it cannot be written.
        """
        changed = {"threshold": points[None].threshold, "operating_points": points.header()}
        write_container(path, self._tensors, {**self._header, **changed})


def point_by_labels(
    model: Detector,
    name: str,
    purpose: Purpose,
    images: ImageSet,
    *,
    strict: bool = False,
    progress: Progress = SILENT,
) -> tuple[OperatingPoint, int]:
    """Choose a point on labelled images; those that the model was fitted on are left out.

    Returns:
        The point, and how many images were left out.

    Raises:
        ImagesError: the labelled images left are not of both kinds.
    """
    known = set(model.training_.hashes)
    labelled = images.test.where(lambda record: record.defective is not None)
    fresh = labelled.where(lambda record: content_hash(record) not in known)
    if not len(fresh):
        seen = " that the model was not fitted on" if len(labelled) else ""
        raise ImagesError(
            f"there are no labelled images{seen} in {images.root}: "
            "put them into folders such as test/good and test/defect, or good and bad"
        )
    result = model.predict(fresh, strict=strict, progress=progress)
    labels = np.array([bool(record.defective) for record in result.images])
    found = labelled_threshold(labels, result.scores, purpose, seed=model.seed)
    return OperatingPoint.for_purpose(name, purpose, found), len(labelled) - len(fresh)
