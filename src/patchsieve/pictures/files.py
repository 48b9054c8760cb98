"""Anomaly maps as files: overlays to look at, raw maps to compute with."""

import json
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from patchsieve.files import write_bytes
from patchsieve.images import Pixels
from patchsieve.pictures.overlay import FloatMap

# A 16-bit map has the threshold at a quarter of its range: room above for strong defects, 2^14 steps below.
THRESHOLD_LEVEL = 2**14
_IMAGE_DESCRIPTION = 270


def file_name(name: str, suffix: str) -> PurePosixPath:
    """Return where the picture for an image goes below an output folder: its name, kept unique, with a new ending.

    The old ending stays part of the name, since ``a.png`` and ``a.jpg`` may both be there; a path that leads
    upwards or is absolute loses what leads out.
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("..", "/")]
    return PurePosixPath(*parts[:-1], f"{parts[-1]}{suffix}")


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write uint8 RGB `[H, W, 3]` as PNG, whole or not at all. Raises `PatchSieveError`."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    write_bytes(path, stream.getvalue())


def write_npy(path: Path, anomaly_map: FloatMap) -> None:
    """Write float32 `[h, w]` as a NumPy file, whole or not at all. Raises `PatchSieveError`."""
    stream = BytesIO()
    np.save(stream, anomaly_map, allow_pickle=False)
    write_bytes(path, stream.getvalue())


def write_tiff(path: Path, anomaly_map: FloatMap, threshold: float) -> None:
    """Write float32 `[h, w]` as a 16-bit TIFF, whole or not at all.

    Level 0 is score 0 and level 16384 the threshold; scores above four times the threshold saturate. The same
    is said as JSON in the tag ImageDescription.

    Raises:
        PatchSieveError: the file cannot be written.
    """
    unit = threshold / THRESHOLD_LEVEL
    levels = np.clip(np.rint(anomaly_map / unit), 0, 2**16 - 1).astype(np.uint16)
    description = json.dumps({"score_per_level": unit, "threshold_level": THRESHOLD_LEVEL})
    stream = BytesIO()
    Image.fromarray(levels).save(stream, format="TIFF", tiffinfo={_IMAGE_DESCRIPTION: description})
    write_bytes(path, stream.getvalue())
