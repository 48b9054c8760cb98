"""Exact nearest-neighbour search as nodes: a product names the nearest point, a difference measures it."""

import numpy as np
import numpy.typing as npt

from patchsieve.runtime.export.graph import Graph

Floats = npt.NDArray[np.float32]

# Points whose smallest value is found first, then the smallest among the groups: engines find the least value of a row
# many times faster than where it stands.
_GROUP = 128
# Half the squared distance of points that fill up the last group.
_FAR = 1e30


def nearest(graph: Graph, patches: str, points: Floats) -> tuple[str, str]:
    """Return Euclidean distances float32 `[B, P]` and indices int64 `[B, P]` of the nearest points.

    Half of |q - m|^2 less |q|^2 is |m|^2 / 2 - q m, one product where the points carry |m|^2 / 2 as a column. All is
    centred on the points' mean, so that few digits cancel.

    Args:
        graph: to add to.
        patches: float32 `[B, P, C]`.
        points: float32 `[M, C]`.
    """
    origin, centred = _centred(points)
    targets = np.concatenate([-centred, 0.5 * _squares(centred)[:, None]], axis=1)
    queries = graph.add("Sub", patches, graph.number(origin))
    one = _column(graph, queries, 1.0)
    index = _lowest(graph, graph.add("Concat", queries, one, axis=2), _filled(targets), len(points))
    return _distances(graph, patches, points, index), index


def nearest_by_pull(graph: Graph, patches: str, points: Floats, pulls: Floats) -> str:
    """Return the smallest |q - m| / pull(m) of each patch, float32 `[B, P]`; see `WeightedNeighbours`.

    Args:
        graph: to add to.
        patches: float32 `[B, P, C]`.
        points: float32 `[M, C]`.
        pulls: float32 `[M]`, above 0.
    """
    origin, centred = _centred(points)
    strength = (1.0 / np.square(pulls, dtype=np.float64))[:, None]
    targets = np.concatenate(
        [-centred * strength, strength, 0.5 * _squares(centred)[:, None] * strength], axis=1
    )
    queries = graph.add("Sub", patches, graph.number(origin))
    halves = graph.add("Mul", graph.number(0.5), graph.add("ReduceSumSquare", queries, graph.whole([2])))
    extended = graph.add("Concat", queries, halves, _column(graph, queries, 1.0), axis=2)
    index = _lowest(graph, extended, _filled(targets), len(points))
    pulled = graph.add("Gather", graph.number(pulls), index)
    return graph.add("Div", _distances(graph, patches, points, index), pulled)


def vector_norm(graph: Graph, vectors: str, axis: int) -> str:
    """Return Euclidean lengths along an axis."""
    return graph.add("Sqrt", graph.add("ReduceSumSquare", vectors, graph.whole([axis]), keepdims=0))


def _centred(points: Floats) -> tuple[Floats, npt.NDArray[np.float64]]:
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    return origin, points.astype(np.float64) - origin


def _squares(centred: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squares: npt.NDArray[np.float64] = np.square(centred).sum(axis=1)
    return squares


def _column(graph: Graph, like: str, value: float) -> str:
    """Return a column `[B, P, 1]` of one value."""
    first = graph.add("Slice", like, graph.whole([0]), graph.whole([1]), graph.whole([2]))
    return graph.add("Add", graph.add("Mul", first, graph.number(0.0)), graph.number(value))


def _filled(targets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fill up with points that are nobody's nearest, to whole groups."""
    missing = -len(targets) % _GROUP
    far = np.zeros((missing, targets.shape[1]))
    far[:, -1] = _FAR
    return np.concatenate([targets, far])


def _lowest(graph: Graph, queries: str, targets: npt.NDArray[np.float64], count: int) -> str:
    """Return for each query int64 `[B, P]` which of the targets has the lowest product with it; of equals the first."""
    groups = len(targets) // _GROUP
    products = graph.add("MatMul", queries, graph.number(targets.T))
    grouped = graph.add("Reshape", products, graph.whole([0, 0, groups, _GROUP]))
    least = graph.add("ReduceMin", grouped, graph.whole([3]), keepdims=0)
    group = graph.add("ArgMin", least, axis=2, keepdims=1)
    members = graph.add("GatherND", grouped, group, batch_dims=2)
    within = graph.add("ArgMin", members, axis=2, keepdims=0)
    group = graph.add("Squeeze", group, graph.whole([2]))
    index = graph.add("Add", graph.add("Mul", group, graph.whole(_GROUP)), within)
    # Where a patch is no number, nothing is the nearest: an index must still be one of a point.
    return graph.add("Min", index, graph.whole(count - 1))


def _distances(graph: Graph, patches: str, points: Floats, index: str) -> str:
    found = graph.add("Gather", graph.number(points), index, axis=0)
    return vector_norm(graph, graph.add("Sub", patches, found), 2)
