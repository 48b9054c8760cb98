"""Exact nearest-neighbour search as nodes: a product names the nearest point, a difference measures it."""

import numpy as np
import numpy.typing as npt

from patchsieve.runtime.export.graph import Graph

Floats = npt.NDArray[np.float32]

# Points whose smallest value is found first, then the smallest among the groups: engines find the least value of a row
# many times faster than where it stands.
_GROUP = 128
# Points that are measured for each patch.
_CANDIDATES = 2
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
    extended = graph.add("Concat", queries, _ones(graph, queries), axis=2)
    candidates = _lowest(graph, extended, targets)
    distances = _distances(graph, patches, points, candidates)
    # Of points at the same distance the first counts, as it does in the model.
    best = graph.add("ArgMin", distances, axis=2, keepdims=1)
    return _taken(graph, distances, best), _taken(graph, candidates, best)


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
    half_squares = 0.5 * _squares(centred)[:, None]
    targets = np.concatenate([-centred * strength, strength, half_squares * strength], axis=1)
    queries = graph.add("Sub", patches, graph.number(origin))
    halves = graph.add("Mul", graph.number(0.5), graph.add("ReduceSumSquare", queries, graph.whole([2])))
    extended = graph.add("Concat", queries, halves, _ones(graph, queries), axis=2)
    candidates = _lowest(graph, extended, targets)
    pulled = graph.add("Gather", graph.number(pulls), candidates)
    quotients = graph.add("Div", _distances(graph, patches, points, candidates), pulled)
    return graph.add("ReduceMin", quotients, graph.whole([2]), keepdims=0)


def vector_norm(graph: Graph, vectors: str, axis: int) -> str:
    """Return Euclidean lengths along an axis."""
    return graph.add("Sqrt", graph.add("ReduceSumSquare", vectors, graph.whole([axis]), keepdims=0))


def _centred(points: Floats) -> tuple[Floats, npt.NDArray[np.float64]]:
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    return origin, points.astype(np.float64) - origin


def _squares(centred: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squares: npt.NDArray[np.float64] = np.square(centred).sum(axis=1)
    return squares


def _ones(graph: Graph, like: str) -> str:
    """Return a column of ones, `[B, P, 1]`."""
    first = graph.add("Slice", like, graph.whole([0]), graph.whole([1]), graph.whole([2]))
    return graph.add("Add", graph.add("Mul", first, graph.number(0.0)), graph.number(1.0))


def _lowest(graph: Graph, queries: str, targets: npt.NDArray[np.float64]) -> str:
    """Return which targets have the lowest products with each query, int64 `[B, P, K]`, ascending.

    They are candidates: rounding of the products may confuse those that are almost equal, so there are two of them.
    """
    missing = -len(targets) % _GROUP
    far = np.zeros((missing, targets.shape[1]))
    far[:, -1] = _FAR
    filled = np.concatenate([targets, far])
    groups = len(filled) // _GROUP
    products = graph.add("MatMul", queries, graph.number(filled.T))
    grouped = graph.add("Reshape", products, graph.whole([0, 0, groups, _GROUP]))
    least = graph.add("ReduceMin", grouped, graph.whole([3]), keepdims=0)
    group = graph.indices_of_lowest(least, min(_CANDIDATES, groups))
    members = graph.add("GatherND", grouped, graph.add("Unsqueeze", group, graph.whole([3])), batch_dims=2)
    place = graph.indices_of_lowest(graph.reshape(members, 0, 0, -1), min(_CANDIDATES, len(targets)))
    owner = graph.add("GatherElements", group, graph.add("Div", place, graph.whole(_GROUP)), axis=2)
    within = graph.add("Mod", place, graph.whole(_GROUP))
    index = graph.add("Add", graph.add("Mul", owner, graph.whole(_GROUP)), within)
    # Where a patch is no number, nothing is the nearest: an index must still be one of a point.
    index = graph.add("Min", index, graph.whole(len(targets) - 1))
    first, last = (graph.add(f"Reduce{end}", index, graph.whole([2]), keepdims=1) for end in ("Min", "Max"))
    return graph.add("Concat", first, last, axis=2)


def _distances(graph: Graph, patches: str, points: Floats, candidates: str) -> str:
    """Return the distances of patches `[B, P, C]` to their candidates, `[B, P, K]`."""
    found = graph.add("Gather", graph.number(points), candidates, axis=0)
    return vector_norm(graph, graph.add("Sub", graph.add("Unsqueeze", patches, graph.whole([2])), found), 3)


def _taken(graph: Graph, values: str, place: str) -> str:
    """Return `[B, P]`: of values `[B, P, K]` the one at each place `[B, P, 1]`."""
    return graph.add("Squeeze", graph.add("GatherElements", values, place, axis=2), graph.whole([2]))
