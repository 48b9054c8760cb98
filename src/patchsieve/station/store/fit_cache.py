"""Embeddings that fits keep, so that the next one need not compute them again: all of them may go at any time."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_CACHE = "cache"
# What is on its way out: no fit begins with it any more.
_GOING = ".going"


@dataclass(frozen=True, slots=True)
class KeptEmbeddings:
    """Embeddings by one extractor.

    Attributes:
        folder: where they are; see `patchsieve.features.FeatureCache`.
        used_at: when a fit last opened them.
        size: bytes that they take.
    """

    folder: Path
    used_at: datetime
    size: int


class FitCache:
    """The embeddings below the data folder.

    Attributes:
        folder: of all of them.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / _CACHE

    def kept(self) -> list[KeptEmbeddings]:
        """Return what there is, the longest unused first."""
        found = []
        for folder in filter(Path.is_dir, self.folder.glob("*")):
            stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
            used = max((stat.st_mtime for stat in stats), default=0.0)
            size = sum(stat.st_size for stat in stats)
            found.append(KeptEmbeddings(folder, datetime.fromtimestamp(used, UTC), size))
        return sorted(found, key=lambda kept: kept.used_at)

    def remove(self, kept: KeptEmbeddings) -> int:
        """Remove embeddings that no fit has open; return the bytes that are free then."""
        going = kept.folder.with_suffix(_GOING)
        if going != kept.folder:
            shutil.rmtree(going, ignore_errors=True)
            kept.folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)
        return kept.size
