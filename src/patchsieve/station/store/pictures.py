"""Image files beside the database: originals by their content, and the anomaly maps of inspections."""

import hashlib
import io
import json
import os
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from patchsieve.files import write_bytes

_IMAGES, _MAPS = "images", "maps"
_ENDINGS = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WebP": ".webp",
    "PNM": ".pnm",
    "JPEG 2000": ".jp2",
    "GIF": ".gif",
}
_STEPS = 65535
_NOTE = "patchsieve"


@dataclass(frozen=True)
class StoredMap:
    """An anomaly map as it is kept.

    Attributes:
        values: float32 `[h, w]`, in the model frame; kept in 65,536 steps from their lowest to their highest.
        box: (left, top, right, bottom), the part of the image that the map covers, in pixels.
        scale: (low, high) of the colours, the same for all maps of a model; see `patchsieve.pictures.ColourScale`.
    """

    values: npt.NDArray[np.float32] = field(repr=False)
    box: tuple[float, float, float, float]
    scale: tuple[float, float]


class PictureFiles:
    """Originals and maps below a folder. Names are made of hashes and keys, never of what a client says."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir
        self._lock = threading.Lock()
        self._claims: Counter[str] = Counter()

    @contextmanager
    def claimed(self, *sha256s: str) -> Iterator[None]:
        """Keep originals from being removed while rows that refer to them are on their way."""
        with self._lock:
            self._claims.update(sha256s)
        try:
            yield
        finally:
            with self._lock:
                self._claims.subtract(sha256s)
                self._claims = +self._claims

    def keep(self, data: bytes, sha256: str, kind: str) -> str:
        """Write an original, unless it is there already.

        Args:
            data: the file's bytes.
            sha256: of them, in hexadecimal digits.
            kind: "PNG", "JPEG", ... by content, as `patchsieve.images` names them.

        Returns:
            The file, relative to the data folder.

        Raises:
            PatchSieveError: it cannot be written.
        """
        file = f"{_IMAGES}/{sha256[:2]}/{sha256}{_ENDINGS[kind]}"
        if not (self._root / file).exists():
            _write(self._root / file, data)
        return file

    def path(self, file: str) -> Path:
        """Return where a file of a row stands."""
        return self._root / file

    def remove(self, file: str, sha256: str, is_needed: Callable[[], bool]) -> int:
        """Remove an original that no row refers to; return the bytes that are free then.

        Args:
            file: relative to the data folder.
            sha256: its content.
            is_needed: says whether a row refers to it; asked when no new row can come.
        """
        with self._lock:
            if self._claims[sha256] or is_needed():
                return 0
            return _removed(self._root / file)

    def keep_map(self, inspection_id: str, stored: StoredMap) -> None:
        """Write the anomaly map of an inspection. Raises `PatchSieveError` where it cannot be written."""
        low, high = float(stored.values.min()), float(stored.values.max())
        steps = np.round((stored.values - low) / ((high - low) or 1.0) * _STEPS).astype(np.uint16)
        note = PngInfo()
        note.add_text(_NOTE, json.dumps({"low": low, "high": high, "box": stored.box, "scale": stored.scale}))
        buffer = io.BytesIO()
        # In 16 bits nothing repeats but in even surfaces: to look for more costs time on the line and gains nothing.
        Image.fromarray(steps).save(buffer, "PNG", pnginfo=note, compress_level=1, compress_type=zlib.Z_RLE)
        _write(self.map_path(inspection_id), buffer.getvalue())

    def read_map(self, inspection_id: str) -> StoredMap | None:
        """Read the anomaly map of an inspection; None where there is none."""
        try:
            image = Image.open(self.map_path(inspection_id))
        except FileNotFoundError:
            return None
        with image:
            image.load()
            note = json.loads(image.info[_NOTE])
            steps = np.asarray(image, np.float32)
        values = note["low"] + steps / np.float32(_STEPS) * (note["high"] - note["low"])
        return StoredMap(np.asarray(values, np.float32), tuple(note["box"]), tuple(note["scale"]))

    def remove_map(self, inspection_id: str) -> int:
        """Remove the anomaly map of an inspection; return the bytes that are free then."""
        return _removed(self.map_path(inspection_id))

    def used_bytes(self) -> int:
        """Return the space that originals and maps take."""
        return sum(
            path.stat().st_size
            for folder in (_IMAGES, _MAPS)
            for path in (self._root / folder).glob("*/*")
            if path.is_file()
        )

    def map_path(self, inspection_id: str) -> Path:
        """Return where the anomaly map of an inspection stands."""
        return self._root / _MAPS / inspection_id[:2] / f"{inspection_id}.png"


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal digits, the key of an original."""
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there for good, under its name: the power may go as soon as this returns."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync(path.parent.parent)
    write_bytes(path, data)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _removed(path: Path) -> int:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size
