"""Representatives of clusters: the real patches nearest to the centres of k-means."""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from threadpoolctl import threadpool_limits

# Lloyd's algorithm gains little after these; each compares all points with all centres.
_ITERATIONS = 25
_BATCH = 4096
# The points, centred once more, and distances and labels beside them.
_NUMBERS_BESIDE = 8


def cluster_coreset(
    points: torch.Tensor, count: int, *, seed: int, in_batches: bool = False
) -> npt.NDArray[np.int64]:
    """Choose the points nearest to the centres of `count` clusters.

    The centres start at random points. Where two centres have the same nearest point, it is chosen once.

    Args:
        points: float32 `[N, D]`, on any device; the work is done on the CPU.
        count: number of clusters, at most N.
        seed: of the first centres, and of the batches.
        in_batches: scikit-learn's MiniBatchKMeans, faster and less exact, instead of its KMeans.

    Returns:
        int64 `[K]` indices, ascending, K <= `count`.
    """
    values = points.cpu().numpy()
    if in_batches:
        clusters = MiniBatchKMeans(count, init="random", n_init=1, batch_size=_BATCH, random_state=seed)
    else:
        clusters = KMeans(count, init="random", n_init=1, max_iter=_ITERATIONS, random_state=seed)
    # One thread: the order in which several add up their sums would change the last bits, and with them picks.
    with threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct points than clusters, or an end before the centres rest, are both fine here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres = clusters.fit(values).cluster_centers_
        nearest = pairwise_distances_argmin(centres, values)
    return np.unique(nearest).astype(np.int64)


def working_bytes(dims: int) -> int:
    """Return what `cluster_coreset` keeps in memory for each point of `dims` dimensions, the point included."""
    return 4 * (2 * dims + _NUMBERS_BESIDE)
