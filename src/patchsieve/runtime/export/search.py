"""Exact nearest-neighbour search as nodes: a product names candidates, differences measure them."""

import numpy as np
import numpy.typing as npt

from patchsieve.runtime.export.graph import Graph

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Points whose smallest value is found first, then the smallest among the groups: engines find the least value of a row
# many times faster than where it stands.
_GROUP = 128
# Points that are measured for each patch: rounding of the products may confuse the order of the nearest.
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
    targets = np.concatenate([-centred, 0.5 * np.square(centred).sum(axis=1)[:, None]], axis=1)
    queries = graph.add("Sub", patches, graph.number(origin))
    named = _lowest(graph, graph.add("Concat", queries, _ones(graph, queries), axis=2), targets)
    distances = _distances(graph, patches, points, named)
    least = graph.add("ReduceMin", distances, graph.whole([2]), keepdims=1)
    # Of points at the same distance the first counts, as it does in the model. Where a patch is no number, nothing is
    # the nearest, and the index must still be one of a point.
    last = graph.whole(len(points) - 1)
    equal = graph.add("Where", graph.add("Equal", distances, least), named, last)
    index = graph.add("ReduceMin", equal, graph.whole([2]), keepdims=0)
    return graph.add("Squeeze", least, graph.whole([2])), index


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
    half_squares = 0.5 * np.square(centred).sum(axis=1)[:, None]
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


def _centred(points: Floats) -> tuple[Floats, Doubles]:
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    return origin, points.astype(np.float64) - origin


def _ones(graph: Graph, like: str) -> str:
    """Return a column of ones, `[B, P, 1]`."""
    first = graph.add("Slice", like, graph.whole([0]), graph.whole([1]), graph.whole([2]))
    return graph.add("Add", graph.add("Mul", first, graph.number(0.0)), graph.number(1.0))


def _lowest(graph: Graph, queries: str, targets: Doubles) -> str:
    """Return which targets have the lowest products with each query, int64 `[B, P, K]`."""
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
    # A filled-up point is no point; where a patch is no number, it may be named.
    return graph.add("Min", index, graph.whole(len(targets) - 1))


def _distances(graph: Graph, patches: str, points: Floats, candidates: str) -> str:
    """Return the distances of patches `[B, P, C]` to their candidates, `[B, P, K]`."""
    found = graph.add("Gather", graph.number(points), candidates, axis=0)
    return vector_norm(graph, graph.add("Sub", graph.add("Unsqueeze", patches, graph.whole([2])), found), 3)
