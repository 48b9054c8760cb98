"""Greedy k-center selection beside the plain loop and anomalib's KCenterGreedy."""

from functools import partial

import numpy as np
import torch
from anomalib.models.components.sampling import KCenterGreedy

from patchsieve.bank import greedy_coreset
from speed.pairs import Contender, interleave, print_table

_SHARE = 0.1
_SEED = 0
_CHUNK = 4096


def compare_coresets(points: torch.Tensor, pairs: int) -> None:
    """Print the table for `[N, C]` and a tenth as many picks; all start at the point that anomalib draws."""
    count = int(_SHARE * len(points))
    torch.manual_seed(_SEED)
    start = int(torch.randint(high=len(points), size=(1,)))
    ours = Contender("PatchSieve", partial(greedy_coreset, points, count, start=start))
    peers = [
        Contender("plain torch loop", partial(plain_loop, points, count, start)),
        Contender("anomalib KCenterGreedy", partial(anomalib_loop, points)),
    ]
    interleave(ours, peers, pairs, warm_up=False)
    ours.check = f"covering radius {covering_radius(points, ours.result):.7g}"
    for peer in peers:
        differing = len(set(peer.result) - set(ours.result.tolist()))
        peer.check = (
            f"{differing} of {count} picks differ{first_difference(points, ours.result, peer.result)}; "
            f"covering radius {covering_radius(points, peer.result):.7g}"
        )
    print_table(ours, peers)


def plain_loop(points: torch.Tensor, count: int, start: int) -> list[int]:
    """Pick with one matrix-vector product each, norms computed once."""
    norms = points.square().sum(dim=1)
    distances = torch.full_like(norms, torch.inf)
    picks = [start]
    while len(picks) < count:
        squared = torch.addmv(norms, points, points[picks[-1]], alpha=-2.0).add_(norms[picks[-1]])
        torch.minimum(distances, squared, out=distances)
        distances[picks[-1]] = 0.0
        picks.append(int(distances.argmax()))
    return picks


def anomalib_loop(points: torch.Tensor) -> list[int]:
    """Pick by anomalib's class. Points with a third axis go around its own random projection, so the points
    are the same for all, and the projection's time is not charged to it."""
    torch.manual_seed(_SEED)
    return KCenterGreedy(points[:, :, None], _SHARE).select_coreset_idxs()


def covering_radius(points: torch.Tensor, picks: np.ndarray | list[int]) -> float:
    """Return the largest distance of any point to its nearest pick, in float64."""
    centred = points.double() - points.double().mean(dim=0)
    centres = centred[torch.as_tensor(picks)]
    norms = centres.square().sum(dim=1)
    nearest = [
        torch.addmm(norms, part, centres.T, alpha=-2.0).amin(dim=1) + part.square().sum(dim=1)
        for part in centred.split(_CHUNK)
    ]
    return float(torch.cat(nearest).amax().clamp(min=0).sqrt())


def first_difference(points: torch.Tensor, ours: np.ndarray, theirs: list[int]) -> str:
    """Say how close to a tie the two orders part: the relative gap of the rivals' distances, in float64."""
    apart = np.flatnonzero(ours != np.asarray(theirs))
    if not len(apart):
        return ", and the order is the same"
    at = int(apart[0])
    picked = points[torch.as_tensor(ours[:at])].double()
    rivals = points[[int(ours[at]), theirs[at]]].double()
    a, b = torch.cdist(rivals, picked, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=1).tolist()
    return f", the orders part at pick {at + 1} over a relative gap of {abs(a - b) / max(a, b):.1e}"
