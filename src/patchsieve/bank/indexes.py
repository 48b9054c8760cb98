"""Which index finds the nearest patches of a memory bank: the exact one, or one of FAISS."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import torch

from patchsieve.bank.search import NearestNeighbours
from patchsieve.errors import ConfigError

INDEXES = ("exact", "faiss-flat", "faiss-ivf", "faiss-hnsw", "faiss-pq")


class Index(Protocol):
    """Finds nearest neighbours among points.

    Attributes:
        points: float32 `[M, C]`.
    """

    points: torch.Tensor

    def search(self, queries: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Find k near points of each query float32 `[Q, C]`, the nearest for an exact index.

        Returns:
            Euclidean distances float32 `[Q, k]`, ascending, and indices int64 `[Q, k]`.
        """

    def without(self, rows: torch.Tensor) -> "Index":
        """Return an index that does not find these points; the others keep their indices.

        Args:
            rows: int64 `[K]`, each once, and not all of the points.
        """


@dataclass(frozen=True)
class IndexChoice:
    """Which index a bank is searched with.

    Attributes:
        kind: one of `INDEXES`.
        seed: of what an index learns from the bank.
    """

    kind: str = "exact"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in INDEXES:
            raise ConfigError(f"there is no index {self.kind!r}; choose one of {', '.join(INDEXES)}")

    def check(self) -> None:
        """Raise `ConfigError` where what the index needs is not installed."""
        if self.kind != "exact" and find_spec("faiss") is None:
            raise ConfigError(f"the index {self.kind} needs FAISS: pip install 'patchsieve[faiss]'")

    def build(self, points: torch.Tensor) -> Index:
        """Build the index of points float32 `[M, C]`, on the device to search on. Raises `ConfigError`."""
        self.check()
        if self.kind == "exact":
            return NearestNeighbours(points)
        from patchsieve.bank.faiss_index import FaissIndex

        return FaissIndex(points, self.kind, self.seed)
