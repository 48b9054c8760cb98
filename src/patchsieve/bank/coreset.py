"""Which patches the memory bank keeps: greedy k-center selection, made fast without changing its result."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.bank.screening import Bounds, Encoded, Screen, Targets, sampling_step
from patchsieve.fastproducts import CODE_COLUMNS, fast_dtype
from patchsieve.features.placement import Group, Here
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged

# Rows updated per matrix product: the block of products stays within reach of the processor's caches.
CHUNK_ROWS = 4096
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
    shard = Shard(points if overwrite_points else points.clone())
    return greedy_rounds(Here([shard]), len(points), count, start=start, title=title, progress=progress)


def greedy_rounds(
    shards: Group["Shard"],
    total: int,
    count: int,
    *,
    start: int,
    title: str = "coreset",
    progress: Progress = SILENT,
) -> npt.NDArray[np.int64]:
    """Make the picks of `greedy_coreset` from points that may lie in several places, `total` in all.

    Each shard names its farthest points, the farthest of all are the candidates of the round, and the shards take in
    what was picked. Shards begin at multiples of `CHUNK_ROWS`: then the picks are the same as from one.
    """
    selection = _Selection(shards, total)
    selection.add(torch.tensor([start]))
    with staged(progress, title, count) as stage:
        stage.advance()
        candidates = _MIN_CANDIDATES
        while len(selection.picks) < count:
            chosen = selection.round(min(candidates, total), count - len(selection.picks))
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


@dataclass(frozen=True)
class Picks:
    """What a round picked.

    Attributes:
        rows: int64 `[m]`, among all points.
        points: float32 `[m, D]`, centred.
        targets: the same points as the screen takes them.
    """

    rows: torch.Tensor
    points: torch.Tensor
    targets: Targets


class Shard:
    """Some of the points, and the distance of each to the picks so far; -1 for the picks themselves.

    Args:
        points: float32 `[n, D]`; they are changed.
        first: place of the first one among all points, a multiple of `CHUNK_ROWS`.
    """

    def __init__(self, points: torch.Tensor, first: int = 0) -> None:
        self._points = points
        self._first = first
        self._distances = points.new_full((len(points),), torch.inf)

    def sums(self) -> torch.Tensor:
        """Return the sums of the points of each chunk, float64 `[chunks, D]`."""
        return torch.stack([part.double().sum(dim=0) for part in torch.split(self._points, CHUNK_ROWS)])

    def centre(self, mean: torch.Tensor) -> None:
        """Move the origin to the mean of all points, float32 `[D]`."""
        self._points.sub_(mean)

    def sample(self, step: int) -> torch.Tensor:
        """Return each `step`-th of all points, as far as they are here, `[s, D]`."""
        return self._points[-self._first % step :: step].clone()

    def encode(self, screen: Screen) -> None:
        """Prepare the points for the screen."""
        self._encoded = screen.encode(self._points)

    def farthest(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the largest distances float32 `[c]`, falling, and the rows of their points, c at most `count`."""
        found = torch.topk(self._distances, min(count, len(self._points)))
        return found.values, found.indices + self._first

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, Encoded]:
        """Return those points of `rows`, int64, that are here, in the same order."""
        here = self._here(rows)
        return self._points[here], self._encoded[here]

    def lower(self, picks: Picks) -> None:
        """Lower every point's distance to the selection, which these picks join."""

        def chunk(first: int) -> None:
            part = slice(first, first + CHUNK_ROWS)
            # Views: what is lowered is the shard's.
            points, distances = self._points[part], self._distances[part]
            most = int(_WORTHWHILE * len(points) * len(picks.points))
            pairs = Bounds(picks.targets, self._encoded[part]).within(distances, most)
            if pairs is None:
                _lower_all(distances, points, picks.points)
            else:
                _lower_some(distances, points, picks.points, *pairs)

        map_blocks(chunk, range(0, len(self._points), CHUNK_ROWS), self._points.device)
        # Rounding leaves a pick a little off itself; it must not be picked twice.
        self._distances[self._here(picks.rows)] = -1.0

    def _here(self, rows: torch.Tensor) -> torch.Tensor:
        local = rows.to(self._points.device) - self._first
        return local[(local >= 0) & (local < len(self._points))]


class _Selection:
    """The picks so far."""

    def __init__(self, shards: Group[Shard], total: int) -> None:
        self._shards = shards
        self.picks: list[int] = []
        # Distances do not change with the origin, but their rounding does: near the mean the norms are small.
        mean = torch.cat(shards.ask(Shard.sums)).sum(dim=0) / total
        shards.tell(partial(Shard.centre, mean=mean.float()))
        screen = Screen(torch.cat(shards.ask(partial(Shard.sample, step=sampling_step(total)))))
        shards.tell(partial(Shard.encode, screen=screen))

    def round(self, candidates: int, wanted: int) -> torch.Tensor:
        """Return at most `wanted` next picks, greedy and exact, from the `candidates` farthest points."""
        named = self._shards.ask(partial(Shard.farthest, count=candidates + 1))
        distances, rows = (torch.cat(each) for each in zip(*named, strict=True))
        farthest = torch.topk(distances, min(candidates + 1, len(distances)))
        outside = float(farthest.values[candidates]) if len(farthest.values) > candidates else -1.0
        # In the order of rows, so that among equals the first wins, as in the plain loop.
        rows, order = rows[farthest.indices[:candidates]].sort()
        local, _ = self._take(rows)
        mutual = torch.cdist(local, local, compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()
        remaining = farthest.values[:candidates][order].cpu().numpy().copy()
        chosen: list[int] = []
        while len(chosen) < min(wanted, len(remaining)):
            best = int(remaining.argmax())
            if remaining[best] <= 0 or (chosen and remaining[best] <= outside):
                break
            chosen.append(best)
            np.minimum(remaining, mutual[best], out=remaining)
            remaining[best] = -1.0
        return rows[chosen]

    def add(self, chosen: torch.Tensor) -> None:
        """Take picks in, in this order, wherever they lie."""
        self.picks.extend(chosen.tolist())
        points, encoded = self._take(chosen)
        self._shards.tell(partial(Shard.lower, picks=Picks(chosen, points, Screen.targets(encoded))))

    def _take(self, rows: torch.Tensor) -> tuple[torch.Tensor, Encoded]:
        """Return points and their code in the order of `rows`, int64 `[m]`."""
        order = rows.argsort()
        taken = self._shards.ask(partial(Shard.take, rows=rows[order]))
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device)
        return torch.cat([points for points, _ in taken])[place], Encoded.joined([code for _, code in taken])[
            place
        ]


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
