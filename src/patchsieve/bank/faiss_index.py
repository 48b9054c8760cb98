"""The indexes of FAISS (Johnson et al., 2017, arXiv 1702.08734) behind the same search as the exact one."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from math import isqrt
from typing import Any

import torch

# Candidates beyond k, which are measured again: compressed codes and rounded products confuse their order.
_SPARE = 4
# Inverted lists: about so many times the root of the bank's size, and how many of them a search reads.
_LISTS = 4
_PROBES = 16
_HNSW_LINKS, _HNSW_BUILD, _HNSW_SEARCH = 32, 80, 64
# Bytes of a patch's code at most, and patches for each of a code's values at least.
_CODES = 64
_POINTS_PER_CENTRE = 1
_MEASURED_BYTES = 32 * 2**20


class FaissIndex:
    """A FAISS index on the CPU. It names k and a few more candidates; their distances are measured as |q - m|.

    What it learns, it learns from the points by `seed` and in one thread, so the same points give the same index; it
    can be built again wherever the points are.

    Args:
        points: float32 `[M, C]`, on any device; what is found is on that of the queries.
        kind: ``faiss-flat`` (all points), ``faiss-ivf`` (inverted lists), ``faiss-hnsw`` (a graph) or ``faiss-pq``
            (product quantiser).
        seed: of the centres of lists and codes.
    """

    def __init__(self, points: torch.Tensor, kind: str, seed: int = 0) -> None:
        self.points = points
        self._hidden = torch.empty(0, dtype=torch.int64, device=points.device)
        values = points.cpu().contiguous().numpy()
        with _one_thread():
            self._index = _untrained(kind, len(values), values.shape[1], seed)
            self._index.train(values)
            self._index.add(values)

    def without(self, rows: torch.Tensor) -> "FaissIndex":
        """See `patchsieve.bank.indexes.Index.without`; not every kind can pass points over, so more are asked for."""
        index = copy(self)
        index._hidden = torch.cat([self._hidden, rows])
        return index

    def search(self, queries: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """See `patchsieve.bank.indexes.Index.search`."""
        wanted = min(k + _SPARE + len(self._hidden), len(self.points))
        _, found = self._index.search(queries.cpu().contiguous().numpy(), wanted)
        candidates = torch.from_numpy(found).to(queries.device)
        # Lists and graphs may hold fewer near a query than are wanted. What is missing must not be near either.
        missing = (candidates < 0) | torch.isin(candidates, self._hidden.to(candidates.device))
        distances = self._distances(queries, candidates.clamp(min=0)).masked_fill_(missing, torch.inf)
        order = distances.argsort(dim=1, stable=True)[:, :k]
        distances, indices = distances.gather(1, order), candidates.gather(1, order)
        short = distances.isinf().any(dim=1)
        if short.any():
            distances[short], indices[short] = self._among_all(queries[short], k)
        return distances, indices

    def _distances(self, queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        distances = queries.new_empty(candidates.shape)
        step = max(1, _MEASURED_BYTES // (4 * candidates.shape[1] * queries.shape[1]))
        for first in range(0, len(queries), step):
            part = slice(first, first + step)
            near = self.points[candidates[part].to(self.points.device)].to(queries.device)
            distances[part] = torch.linalg.vector_norm(queries[part, None] - near, dim=2)
        return distances

    def _among_all(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        points, hidden = self.points.to(queries.device), self._hidden.to(queries.device)
        every = (torch.linalg.vector_norm(points - query, dim=1) for query in queries)
        parts = [distances.index_fill_(0, hidden, torch.inf).topk(k, largest=False) for distances in every]
        return torch.stack([part.values for part in parts]), torch.stack([part.indices for part in parts])


def _untrained(kind: str, points: int, channels: int, seed: int) -> Any:
    import faiss

    index: Any
    # A single point has nothing to learn lists or codes from.
    if kind == "faiss-flat" or points < 2:
        return faiss.IndexFlatL2(channels)
    if kind == "faiss-hnsw":
        index = faiss.IndexHNSWFlat(channels, _HNSW_LINKS)
        index.hnsw.efConstruction, index.hnsw.efSearch = _HNSW_BUILD, _HNSW_SEARCH
        return index
    if kind == "faiss-ivf":
        lists = max(1, min(_LISTS * isqrt(points), points // 39))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(channels), channels, lists)
        index.nprobe = min(_PROBES, lists)
        learning = index.cp
    else:
        # Codes of whole sub-vectors: their number divides the channels. Each value of a code needs a point.
        codes = max(part for part in range(1, _CODES + 1) if channels % part == 0)
        index = faiss.IndexPQ(channels, codes, min(8, points.bit_length() - 1))
        learning = index.pq.cp
    learning.seed = seed % 2**31
    # Small banks are allowed to have lists and codes of few points; FAISS would print a warning for each.
    learning.min_points_per_centroid = _POINTS_PER_CENTRE
    return index


@contextmanager
def _one_thread() -> Iterator[None]:
    """Build in one thread: a graph grows differently when several insert at a time."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
