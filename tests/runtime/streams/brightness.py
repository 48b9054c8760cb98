"""A model that needs no training: dark pictures are defective. For tests of what goes on around a model."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from patchsieve.decisions.result import Result, peaks_of
from patchsieve.errors import ConfigError
from patchsieve.images.collection import ImageSet

THRESHOLD = 127.5


class Brightness:
    """Scores 255 less the mean of the picture; its threshold is half of that."""

    threshold_ = pixel_threshold_ = THRESHOLD

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(
        self, images: ImageSet, *, operating_point: str | None = None, review: Any = None, **_: Any
    ) -> Result:
        if operating_point is not None:
            raise ConfigError(f"there is no operating point {operating_point}")
        self.batches.append(len(images))
        maps = np.stack([255 - np.full((4, 4), record.pixels.mean(), np.float32) for record in images])
        sizes = np.array([record.pixels.shape[:2] for record in images])
        boxes = np.array([(0.0, 0.0, width, height) for height, width in sizes])
        return Result(
            images=images,
            scores=maps.max(axis=(1, 2)),
            maps=maps,
            boxes=boxes,
            sizes=sizes,
            peaks=peaks_of(maps, boxes, sizes),
            seconds=np.full(len(images), 0.001),
            threshold=THRESHOLD,
            pixel_threshold=THRESHOLD,
            review=None if review is None else (THRESHOLD - 20, THRESHOLD),
        )


def write_grey(path: Path, value: int) -> Path:
    """Write a small picture of one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    Image.new("RGB", (8, 8), (value, value, value)).save(temporary, format="PNG")
    temporary.replace(path)
    return path
