"""Embeddings kept on disk: computed once for each image, read by any number of fits, larger than the memory.

A cache is a folder with one folder for each identity of an extractor: its backbone with a hash of the weights, its
layers, its preprocessing. In it, `features` holds one row of H x W x C numbers for each image, and `index.sqlite`
says by the SHA-256 of an image's content which row is its. A row counts once the index names it, and the index names
it only after it is written: an extraction that is interrupted continues where it was.
"""

import hashlib
import json
import mmap
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ConfigError, PatchSieveError
from patchsieve.features.patches import PatchFeatures
from patchsieve.files import write_text

CACHE_TYPES = {"float32": np.float32, "float16": np.float16}
# Counts up when the same identity gives other features than before.
_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    sha256 TEXT PRIMARY KEY, place INTEGER UNIQUE NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL
)
"""
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
        self._temporary = None
        if folder is None:
            self._temporary = TemporaryDirectory(prefix="patchsieve-")
            folder = self._temporary.name
        root = Path(folder)
        text = json.dumps({**identity, "dtype": dtype, "cache_format": _FORMAT}, indent=1, sort_keys=True)
        self.folder = root / hashlib.sha256(text.encode()).hexdigest()[:16]
        self._shape = shape
        self._dtype = np.dtype(CACHE_TYPES[dtype])
        self._row_bytes = int(np.prod(shape)) * self._dtype.itemsize
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as index, index:
                index.execute(_SCHEMA)
            (self.folder / "features").touch()
        except (OSError, sqlite3.Error) as error:
            raise PatchSieveError(f"cannot use the cache folder {root}: {_words(error)}") from error
        write_text(self.folder / "identity.json", text + "\n")

    def find(self, hashes: Sequence[str]) -> dict[str, Row]:
        """Return the rows of those of the images that are there, by SHA-256."""
        written = (self.folder / "features").stat().st_size // self._row_bytes
        try:
            with closing(self._connect()) as index:
                rows = index.execute("SELECT sha256, place, height, width FROM images").fetchall()
        except sqlite3.Error as error:
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
        with np.errstate(over="ignore"):
            kept = features.cpu().numpy().astype(self._dtype)
        if not np.isfinite(kept).all():
            raise ConfigError("the features of this backbone are too large for float16; use float32")
        try:
            with closing(self._connect()) as index:
                index.execute("BEGIN IMMEDIATE")
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

    def features(self, rows: Sequence[Row], device: torch.device) -> PatchFeatures:
        """Return the features of these images, read from the file when they are needed."""
        file = self.folder / "features"
        complete = file.stat().st_size // self._row_bytes
        # Copy on write, though nobody writes: torch warns of memory that it may not write to.
        pages = np.memmap(file, self._dtype, mode="c", shape=(complete, *self._shape))
        places = np.array([row.place for row in rows], dtype=np.int64)
        release = _Release(pages, self._temporary)
        return PatchFeatures(torch.from_numpy(pages), places, device=device, release=release)

    def _write(self, first: int, kept: npt.NDArray[np.floating]) -> None:
        with (self.folder / "features").open("rb+") as stream:
            stream.seek(first * self._row_bytes)
            stream.write(kept.data)
            stream.flush()
            os.fdatasync(stream.fileno())

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "index.sqlite", timeout=_PATIENCE, isolation_level=None)

    def _broken(self, error: Exception) -> PatchSieveError:
        return PatchSieveError(
            f"cannot use the cache {self.folder}: {_words(error)}; what it already holds is not lost. "
            "If it is damaged, delete the folder"
        )


class _Release:
    """Gives pages back after reading: they stay in the system's cache, and no longer count as this process's."""

    def __init__(self, pages: npt.NDArray[np.generic], temporary: TemporaryDirectory[str] | None) -> None:
        self._map: mmap.mmap = pages._mmap  # type: ignore[attr-defined]
        # Holds the folder for as long as anything reads from it.
        self._temporary = temporary

    def __call__(self) -> None:
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
