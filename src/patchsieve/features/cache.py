"""Embeddings kept on disk: computed once for each image, read by any number of fits, larger than the memory.

A cache is a folder with one folder for each identity of an extractor: its backbone with a hash of the weights, its
layers, its preprocessing. In it, `features` holds one row of H x W x C numbers for each image, and `index.sqlite`
says by the SHA-256 of an image's content which row is its. A row counts once the index names it, and the index names
it only after it is written: an extraction that is interrupted continues where it was.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import weakref
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ConfigError, PatchSieveError
from patchsieve.features.feature_file import FeatureFile
from patchsieve.features.patches import PatchFeatures
from patchsieve.files import write_text
from patchsieve.images.appearance import STATISTICS, Appearance

CACHE_TYPES = {"float32": torch.float32, "float16": torch.float16}
# Counts up when the same identity gives other features than before.
_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    sha256 TEXT PRIMARY KEY, place INTEGER UNIQUE NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL
)
"""
# Beside the images, not in their rows: a cache that was made before images were measured gets it later.
_MEASURED = "CREATE TABLE IF NOT EXISTS appearance (sha256 TEXT PRIMARY KEY, figures TEXT NOT NULL)"
# Seconds that one process waits while another writes its rows.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """Where an image's features stand, and the size of the image as decoded.

    Attributes:
        place: row of the file of features.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """

    place: int
    height: int
    width: int


class FeatureCache:
    """The cached features of one extractor.

    Args:
        folder: of the whole cache; None for one that goes with this object.
        identity: what decides about the features, JSON-able; see `patchsieve.features.identity`.
        shape: (H, W, C) of the features of one image.
        dtype: how numbers are kept: ``float32``, or ``float16`` in half the space.

    Raises:
        ConfigError: there is no such dtype.
        PatchSieveError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path | str | None,
        identity: dict[str, object],
        shape: tuple[int, int, int],
        dtype: str = "float32",
    ) -> None:
        if dtype not in CACHE_TYPES:
            raise ConfigError(f"cache_dtype is {dtype!r}; choose one of {', '.join(CACHE_TYPES)}")
        text = json.dumps({**identity, "dtype": dtype, "cache_format": _FORMAT}, indent=1, sort_keys=True)
        self._shape = shape
        self._dtype = CACHE_TYPES[dtype]
        self._row_bytes = prod(shape) * self._dtype.itemsize
        self._temporary = None
        if folder is None:
            self._temporary = _Temporary()
            folder = self._temporary.folder
        self.folder = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._features.touch()
            with closing(self._connect()) as index:
                index.execute(_SCHEMA)
                index.execute(_MEASURED)
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error
        write_text(self.folder / "identity.json", text + "\n")

    def find(self, hashes: Sequence[str]) -> dict[str, Row]:
        """Return the rows of those of the images that are there, by SHA-256."""
        try:
            written = self._rows_written()
            with closing(self._connect()) as index:
                rows = index.execute("SELECT sha256, place, height, width FROM images").fetchall()
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error
        known = {sha256: Row(*rest) for sha256, *rest in rows if rest[0] < written}
        return {sha256: known[sha256] for sha256 in hashes if sha256 in known}

    def require_space(self, images: int) -> None:
        """Raise `PatchSieveError` where the disk has no room for so many images more."""
        needed, free = images * self._row_bytes, shutil.disk_usage(self.folder).free
        if needed > free:
            raise PatchSieveError(
                f"the features of {images} images take {needed / 2**30:.1f} GiB and {self.folder} has "
                f"{free / 2**30:.1f} GiB left: free some space, name another folder with --cache, keep them in half "
                "the space with --cache-dtype float16, or allow more memory with --memory-budget"
            )

    def add(self, hashes: Sequence[str], sizes: npt.NDArray[np.int64], features: torch.Tensor) -> None:
        """Write the features of some images, float32 `[B, H, W, C]`, with their sizes int64 `[B, 2]`.

        Raises:
            ConfigError: a feature is too large for float16.
            PatchSieveError: they cannot be written; what was there before stays.
        """
        kept = features.cpu().to(self._dtype)
        if self._dtype == torch.float16 and torch.isinf(kept).any():
            raise ConfigError(
                "the features of this backbone are too large for float16; keep them as float32 (--cache-dtype)"
            )
        try:
            with closing(self._connect()) as index:
                index.execute("BEGIN IMMEDIATE")
                # Where the file was cut short, its end must not come back as the zeros of a hole.
                index.execute("DELETE FROM images WHERE place >= ?", (self._rows_written(),))
                first = index.execute("SELECT COALESCE(MAX(place), -1) + 1 FROM images").fetchone()[0]
                self._write(first, kept)
                # An image that another process has added meanwhile keeps its row.
                index.executemany(
                    "INSERT OR IGNORE INTO images VALUES (?, ?, ?, ?)",
                    [
                        (sha256, first + offset, int(size[0]), int(size[1]))
                        for offset, (sha256, size) in enumerate(zip(hashes, sizes, strict=True))
                    ],
                )
                index.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def find_appearance(self, hashes: Sequence[str]) -> dict[str, Appearance]:
        """Return the figures float32 `[S]` of those of the images whose are kept, by SHA-256."""
        try:
            with closing(self._connect()) as index:
                rows = dict(index.execute("SELECT sha256, figures FROM appearance").fetchall())
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error
        found = {sha256: json.loads(rows[sha256]) for sha256 in hashes if sha256 in rows}
        # By name, so that other figures in a later version are not taken for these.
        return {
            sha256: np.array([figures[each.name] for each in STATISTICS], dtype=np.float32)
            for sha256, figures in found.items()
            if all(each.name in figures for each in STATISTICS)
        }

    def add_appearance(self, measured: Mapping[str, Appearance]) -> None:
        """Keep the figures float32 `[S]` of images, by SHA-256."""
        names = [each.name for each in STATISTICS]
        rows = [
            (sha256, json.dumps(dict(zip(names, figures.tolist(), strict=True))))
            for sha256, figures in measured.items()
        ]
        try:
            with closing(self._connect()) as index:
                index.execute("BEGIN IMMEDIATE")
                index.executemany("INSERT OR REPLACE INTO appearance VALUES (?, ?)", rows)
                index.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def features(
        self, rows: Sequence[Row], device: torch.device, layer_channels: Sequence[int] | None = None
    ) -> PatchFeatures:
        """Return the features of these images, read from the file when they are needed."""
        places = np.array([row.place for row in rows], dtype=np.int64)
        shape = (int(places.max()) + 1, *self._shape)
        store = FeatureFile(self._features, self._dtype, shape, self._temporary)
        return PatchFeatures(store, places, device=device, layer_channels=layer_channels)

    @property
    def _features(self) -> Path:
        return self.folder / "features"

    def _rows_written(self) -> int:
        return self._features.stat().st_size // self._row_bytes

    def _write(self, first: int, kept: torch.Tensor) -> None:
        with self._features.open("rb+") as stream:
            stream.seek(first * self._row_bytes)
            stream.write(kept.contiguous().numpy().data)
            stream.flush()
            os.fsync(stream.fileno())

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "index.sqlite", timeout=_PATIENCE, isolation_level=None)

    def _broken(self, error: Exception) -> PatchSieveError:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            return PatchSieveError(f"the cache {self.folder} is damaged: {error}; delete this folder")
        words = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return PatchSieveError(
            f"cannot use the cache {self.folder}: {words.lower()}; what it holds is not lost; "
            "free or allow the place, or name another folder"
        )


class _Temporary:
    """A folder that goes when nothing holds this any more."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="patchsieve-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
