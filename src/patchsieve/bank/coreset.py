"""Which patches the memory bank keeps: greedy k-center selection, made fast without changing its result."""

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.bank.screening import Bounds, Screen
from patchsieve.fastproducts import CODE_COLUMNS, fast_dtype
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged

# Rows updated per matrix product: the block of products stays within reach of the processor's caches.
_CHUNK_ROWS = 4096
_MAX_CANDIDATES = 512
_MIN_CANDIDATES = 64
# Where the screen leaves a larger share of the pairs than this, measuring all of them by one product is cheaper.
_WORTHWHILE = 0.03
# Points gathered at a time.
_GATHER_BYTES = 2 * 2**20


def greedy_coreset(
    points: torch.Tensor,
    count: int,
    *,
    start: int,
    overwrite_points: bool = False,
    title: str = "coreset",
    progress: Progress = SILENT,
) -> npt.NDArray[np.int64]:
    """Choose `count` points by greedy k-center selection (minimax facility location).

    Each pick is the point farthest from all points picked before, the 2-approximation of the k-center problem
    that PatchCore and SoftPatch build their memory banks with. The plain loop computes one matrix-vector
    product per pick. Here picks are made in rounds with the same result: the m points farthest from the
    selection are candidates; a greedy choice among them is a greedy choice among all for as long as the best
    candidate is farther than the farthest point outside, because distances outside can only fall. Then one
    matrix product updates all distances for the whole round.

    Args:
        points: float32 `[N, D]`, on any device.
        count: number of picks wanted.
        start: index of the first pick.
        overwrite_points: whether `points` may be changed, which saves a copy of them.
        title: of the stage of work.
        progress: shown one unit a pick.

    Returns:
        int64 `[K]` indices in the order of picking. K is `count`, or less where the points run out of
        distinct values, up to rounding: a point at distance zero from the selection adds nothing to it.

    Raises:
        ValueError: `count` or `start` is out of range.

    References:
        Gonzalez (1985), "Clustering to minimize the maximum intercluster distance"; Sener and Savarese
        (2018), "Active learning for convolutional neural networks: a core-set approach"; Roth et al. (2022),
        "Towards total recall in industrial anomaly detection", section 3.2.
    """
    if not 1 <= count <= len(points):
        raise ValueError(f"cannot pick {count} of {len(points)} points")
    if not 0 <= start < len(points):
        raise ValueError(f"the first pick {start} is not one of the {len(points)} points")
    # Distances do not change with the origin, but their rounding does: near the mean the norms are small.
    mean = points.mean(dim=0)
    selection = _Selection(points.sub_(mean) if overwrite_points else points - mean, start)
    with staged(progress, title, count) as stage:
        stage.advance()
        candidates = _MIN_CANDIDATES
        while len(selection.picks) < count:
            chosen = selection.round(min(candidates, len(points)), count - len(selection.picks))
            if not len(chosen):
                break
            selection.add(chosen)
            stage.advance(len(chosen))
            # Few accepted: candidates are wasted; nearly all accepted: the round ended for want of more.
            candidates = min(_MAX_CANDIDATES, max(_MIN_CANDIDATES, 3 * len(chosen)))
    return np.asarray(selection.picks, dtype=np.int64)


def working_bytes(dims: int, device: torch.device) -> int:
    """Return what `greedy_coreset` keeps in memory for each point of `dims` dimensions, the point included."""
    code = (dims + 1 + CODE_COLUMNS) * torch.empty(0, dtype=fast_dtype(device)).element_size()
    return 4 * dims + code + 4 * 4


class _Selection:
    """The picks so far, every point's distance to them; -1 for the picks themselves."""

    def __init__(self, points: torch.Tensor, start: int) -> None:
        self._points = points
        self._screen = Screen(self._points)
        self._encoded = self._screen.encode(self._points)
        self._distances = points.new_full((len(points),), torch.inf)
        self.picks: list[int] = []
        self.add(torch.tensor([start], device=points.device))

    def round(self, candidates: int, wanted: int) -> torch.Tensor:
        """Return at most `wanted` next picks, greedy and exact, from the `candidates` farthest points."""
        farthest = torch.topk(self._distances, min(candidates + 1, len(self._points)))
        outside = float(farthest.values[candidates]) if len(farthest.values) > candidates else -1.0
        # In index order, so that among equals the first wins, as in the plain loop.
        indices = farthest.indices[:candidates].sort().values
        local = self._points[indices]
        mutual = torch.cdist(local, local, compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()
        remaining = self._distances[indices].cpu().numpy().copy()
        chosen: list[int] = []
        while len(chosen) < min(wanted, len(remaining)):
            best = int(remaining.argmax())
            if remaining[best] <= 0 or (chosen and remaining[best] <= outside):
                break
            chosen.append(best)
            np.minimum(remaining, mutual[best], out=remaining)
            remaining[best] = -1.0
        return indices[chosen]

    def add(self, chosen: torch.Tensor) -> None:
        """Take picks in and lower every point's distance to the selection."""
        self.picks.extend(chosen.tolist())
        centres = self._points[chosen]
        targets = self._screen.targets(self._encoded[chosen])

        def lower(first: int) -> None:
            part = slice(first, first + _CHUNK_ROWS)
            # Views: what is lowered is the selection's.
            points, distances = self._points[part], self._distances[part]
            most = int(_WORTHWHILE * len(points) * len(centres))
            pairs = Bounds(targets, self._encoded[part]).within(distances, most)
            if pairs is None:
                _lower_all(distances, points, centres)
            else:
                _lower_some(distances, points, centres, *pairs)

        map_blocks(lower, range(0, len(self._points), _CHUNK_ROWS), self._points.device)
        # Rounding leaves a pick a little off itself; it must not be picked twice.
        self._distances[chosen] = -1.0


def _lower_all(distances: torch.Tensor, points: torch.Tensor, centres: torch.Tensor) -> None:
    """Lower the distances `[n]` of points `[n, D]` to those to the nearest centre `[m, D]`, in place."""
    nearest = torch.cdist(points, centres, compute_mode="use_mm_for_euclid_dist").amin(dim=1)
    torch.minimum(distances, nearest, out=distances)


def _lower_some(
    distances: torch.Tensor,
    points: torch.Tensor,
    centres: torch.Tensor,
    nearer: torch.Tensor,
    rows: torch.Tensor,
) -> None:
    """Lower the distances `[n]` of points to centres in place, for pairs of centres and points, int64 `[P]` each."""
    step = max(1, _GATHER_BYTES // (4 * points.shape[1]))
    for some, those in zip(torch.split(nearer, step), torch.split(rows, step), strict=True):
        # index_select gathers whole rows several times faster than indexing does.
        differences = points.index_select(0, those).sub_(centres.index_select(0, some))
        distances.scatter_reduce_(0, those, torch.linalg.vector_norm(differences, dim=1), "amin")


def random_coreset(total: int, count: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Choose `count` of `total` points uniformly without replacement: int64 `[count]`, ascending."""
    return np.sort(np.random.default_rng(seed).choice(total, size=count, replace=False))
