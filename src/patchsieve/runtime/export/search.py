"""Exact nearest-neighbour search as nodes: a product names candidates, differences measure them."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from patchsieve.runtime.export.graph import Graph
from patchsieve.runtime.export.screening import LARGEST_PATCH, MARGIN, MOST_GROUPS, SCREENED_GROUP, Screen

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
# Of Q vectors: distances float32 and indices int64 of points, `[Q]` each.
Found = tuple[str, str]

# Points whose smallest value is found first, then the smallest among the groups: engines find the least value of a row
# many times faster than where it stands.
_GROUP = 128
# Points that are measured for each patch: rounding of the products may confuse the order of the nearest.
_CANDIDATES = 2
# Half the squared distance of points that fill up the last group.
_FAR = 1e30


def nearest(graph: Graph, patches: str, points: Floats) -> Found:
    """Return Euclidean distances float32 `[B, P]` and indices int64 `[B, P]` of the nearest points.

    Args:
        graph: to add to.
        patches: float32 `[B, P, C]`.
        points: float32 `[M, C]`.
    """
    flat = graph.reshape(patches, -1, points.shape[1])
    distances, index = _nearest(graph, flat, points)
    return _like(graph, distances, patches), _like(graph, index, patches)


def nearest_by_reach(graph: Graph, patches: str, points: Floats, radii: Floats) -> Found:
    """Return the smallest max(|q - m|, radius(m)) of each patch and its m, `[B, P]` each; see `ReachNeighbours`.

    Args:
        graph: to add to.
        patches: float32 `[B, P, C]`.
        points: float32 `[M, C]`.
        radii: float32 `[M]`, 0 or above.
    """
    flat = graph.reshape(patches, -1, points.shape[1])
    distances, index = _nearest(graph, flat, points)

    def reached(queries: str) -> Found:
        squares = np.pad(0.5 * np.square(radii), (0, -len(radii) % _GROUP))[None]
        products = graph.add("Max", _half_squares(graph, queries, points), graph.number(squares))
        named = _lowest(graph, products, len(points))
        reach = graph.add(
            "Max", _distances(graph, queries, points, named), graph.add("Gather", graph.number(radii), named)
        )
        return _least(graph, reach, named, len(points))

    # Where the nearest is not nearer than its radius, no other has a smaller reach distance.
    inside = graph.add("Greater", graph.add("Gather", graph.number(radii), index), distances)
    distances, index = _again(graph, inside, flat, (distances, index), reached)
    return _like(graph, distances, patches), _like(graph, index, patches)


def nearest_by_pull(graph: Graph, patches: str, points: Floats, pulls: Floats) -> str:
    """Return the smallest |q - m| / pull(m) of each patch, float32 `[B, P]`; see `WeightedNeighbours`.

    Args:
        graph: to add to.
        patches: float32 `[B, P, C]`.
        points: float32 `[M, C]`.
        pulls: float32 `[M]`, above 0.
    """
    flat = graph.reshape(patches, -1, points.shape[1])
    products = _half_squares(graph, flat, points, 1.0 / np.square(pulls, dtype=np.float64))
    candidates = _lowest(graph, products, len(points))
    pulled = graph.add("Gather", graph.number(pulls), candidates)
    quotients = graph.add("Div", _distances(graph, flat, points, candidates), pulled)
    return _like(graph, graph.add("ReduceMin", quotients, graph.whole([1]), keepdims=0), patches)


def vector_norm(graph: Graph, vectors: str, axis: int, *, keepdims: bool = False) -> str:
    """Return Euclidean lengths along an axis."""
    return graph.add("Sqrt", _squared_norm(graph, vectors, axis, keepdims=keepdims))


def _squared_norm(graph: Graph, vectors: str, axis: int = 1, *, keepdims: bool = True) -> str:
    """Return squared lengths along an axis; two nodes that are twice as fast on ONNX Runtime as the one for it."""
    squares = graph.add("Mul", vectors, vectors)
    return graph.add("ReduceSum", squares, graph.whole([axis]), keepdims=int(keepdims))


def _nearest(graph: Graph, queries: str, points: Floats) -> Found:
    """Return the nearest points of queries `[Q, C]`.

    A screen, where the points have one, names few for most queries; the others are held against all points.
    """
    screen = Screen.of(points)
    if screen is None:
        return _plain(graph, queries, points)
    distances, index, all_named = _screened(graph, queries, points, screen)
    left = graph.add("Not", all_named)
    return _again(graph, left, queries, (distances, index), lambda rest: _plain(graph, rest, points))


def _plain(graph: Graph, queries: str, points: Floats) -> Found:
    """Return the nearest of all points."""
    named = _lowest(graph, _half_squares(graph, queries, points), len(points))
    return _least(graph, _distances(graph, queries, points, named), named, len(points))


def _screened(graph: Graph, queries: str, points: Floats, screen: Screen) -> tuple[str, str, str]:
    """Return the nearest of the points that the screen names, and for which queries it names them all: bool `[Q]`."""
    coordinates = _coordinates(graph, queries, screen)
    largest = graph.number(float(LARGEST_PATCH))
    inside = graph.add("Clip", coordinates, graph.add("Neg", largest), largest)
    rounded = graph.add("Round", inside)
    bounds = _bounds(graph, rounded, screen)
    # The likeliest is measured first. Of the others only those can be nearer whose bounds are below what it allows.
    lowest = graph.add("ReduceMin", bounds, graph.whole([2]), keepdims=0)
    group = graph.add("ArgMin", lowest, axis=1, keepdims=1)
    within = graph.add("ArgMin", graph.add("GatherND", bounds, group, batch_dims=1), axis=1, keepdims=1)
    likely = _number_of(graph, group, within, SCREENED_GROUP, len(points))
    first = _distances(graph, queries, points, likely)
    errors = [
        vector_norm(graph, graph.add("Sub", coordinates, each), 1, keepdims=True)
        for each in (inside, rounded)
    ]
    highest = _highest_bound(graph, first, rounded, errors, screen)
    near = graph.add("LessOrEqual", lowest, highest)
    groups = graph.add("ReduceSum", graph.cast(near, np.int32), graph.whole([1]), keepdims=1)
    few = graph.add("LessOrEqual", groups, graph.number(MOST_GROUPS, np.int32))
    owner, group = _where(graph, graph.add("And", near, few))
    members = graph.add("GatherND", bounds, graph.add("Concat", owner, group, axis=1))
    nearer = graph.add("LessOrEqual", members, graph.add("GatherND", highest, owner))
    numbers = _number_of(
        graph, group, graph.whole(np.arange(SCREENED_GROUP)[None]), SCREENED_GROUP, len(points)
    )
    known = graph.add("Equal", numbers, graph.add("GatherND", likely, owner))
    row, within = _where(graph, graph.add("And", nearer, graph.add("Not", known)))
    owner, group = (graph.add("GatherND", each, row) for each in (owner, group))
    named = _number_of(graph, group, within, SCREENED_GROUP, len(points))
    there = graph.add("GatherND", graph.number(points), named)
    measured = vector_norm(
        graph, graph.add("Sub", graph.add("GatherND", queries, owner), there), 1, keepdims=True
    )
    best = graph.add("ScatterElements", first, owner, measured, axis=0, reduction="min")
    # Of points at the same distance the first counts, as it does in the model.
    last = graph.whole(len(points) - 1)
    equal = graph.add("Equal", measured, graph.add("GatherND", best, owner))
    index = graph.add(
        "ScatterElements",
        graph.add("Where", graph.add("Equal", first, best), likely, last),
        owner,
        graph.add("Where", equal, named, last),
        axis=0,
        reduction="min",
    )
    distances, index, all_named = (
        graph.add("Squeeze", each, graph.whole([1])) for each in (best, index, few)
    )
    return distances, index, all_named


def _highest_bound(graph: Graph, distances: str, rounded: str, errors: Sequence[str], screen: Screen) -> str:
    """Return the bound above which no point is as near as the distances `[Q, 1]`; for the formula see `screening`.

    Args:
        graph: to add to.
        distances: |q - m|.
        rounded: the queries.
        errors: how far they were out of range, and how far they were moved in all.
        screen: of the points.
    """
    steps = graph.add("Div", distances, graph.number(screen.step))
    slope = graph.add("Mul", graph.add("Add", errors[0], graph.number(MARGIN)), graph.number(2.0))
    moved = graph.add("Add", errors[1], graph.number(screen.error))
    squares = graph.add("Mul", steps, graph.add("Add", steps, slope))
    squares = graph.add("Add", squares, graph.add("Mul", moved, moved))
    # Bounds are half of the squares, less half of that of the query and the offset.
    own = _squared_norm(graph, rounded)
    halves = graph.add("Mul", graph.add("Sub", squares, own), graph.number(0.5))
    return graph.add("Sub", halves, graph.number(screen.offset))


def _where(graph: Graph, true: str) -> tuple[str, str]:
    """Return rows and columns of what is true in `[R, C]`, int64 `[N, 1]` each."""
    rows, columns = graph.split(graph.add("NonZero", true), 2)
    return graph.add("Transpose", rows, perm=[1, 0]), graph.add("Transpose", columns, perm=[1, 0])


def _coordinates(graph: Graph, queries: str, screen: Screen) -> str:
    """Return queries as the screen's coordinates `[Q, R]`, in steps."""
    centred = graph.add("Sub", queries, graph.number(screen.origin))
    if screen.rest is None:
        rows, columns = screen.axes
        tables = graph.reshape(centred, -1, len(rows), len(columns))
        turned = graph.add("MatMul", tables, graph.number(columns))
        return graph.reshape(graph.add("MatMul", graph.number(rows), turned), -1, len(rows) * len(columns))
    leading = graph.add("MatMul", centred, graph.number(screen.axes[0]))
    steps = graph.add("Div", centred, graph.number(screen.step))
    squares = [_squared_norm(graph, each) for each in (steps, leading)]
    left = graph.add("Sqrt", graph.add("Relu", graph.add("Sub", *squares)))
    return graph.add("Concat", leading, graph.add("Sub", left, graph.number(screen.rest)), axis=1)


def _bounds(graph: Graph, rounded: str, screen: Screen) -> str:
    """Return the bounds of all points in groups, `[Q, G, SCREENED_GROUP]`."""
    missing = -len(screen.targets) % SCREENED_GROUP
    targets = np.pad(screen.targets, ((0, missing), (0, 0)))
    # Points that fill up are no points: they may be named, but had better not.
    targets[len(screen.targets) :, -len(screen.weights) :] = targets[:, -len(screen.weights) :].max()
    # As the operators for it have it: both engines know a product of integers by this form.
    one, middle, zero = graph.number(1.0), graph.number(128, np.uint8), graph.number(0, np.int8)
    queries = graph.add("QuantizeLinear", _with_columns(graph, rounded, screen.weights), one, middle)
    products = graph.add(
        "MatMul",
        graph.add("DequantizeLinear", queries, one, middle),
        graph.add("DequantizeLinear", graph.number(targets.T, np.int8), one, zero),
    )
    return graph.reshape(products, 0, len(targets) // SCREENED_GROUP, SCREENED_GROUP)


def _again(graph: Graph, wanted: str, queries: str, found: Found, search: Callable[[str], Found]) -> Found:
    """Search once more for the queries that are wanted, bool `[Q]`, and put what is found in place."""
    rows = graph.add("Transpose", graph.add("NonZero", wanted), perm=[1, 0])
    better = search(graph.add("GatherND", queries, rows))
    distances, index = (
        graph.add("ScatterND", old, rows, new) for old, new in zip(found, better, strict=True)
    )
    return distances, index


def _half_squares(graph: Graph, queries: str, points: Floats, strengths: Doubles | None = None) -> str:
    """Return half the squared distances of queries `[Q, C]` to the points, each times its strength, `[Q, M']`.

    One product: |q - m|^2 / 2 is |q|^2 / 2 + |m|^2 / 2 - q m, of which each has its part as columns. All is centred on
    the points' mean, so that few digits cancel. M' is whole groups; what fills up the last is far from everything.
    """
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = points.astype(np.float64) - origin
    halves = 0.5 * np.square(centred).sum(axis=1)
    targets = np.concatenate([-centred, np.ones((len(points), 1)), halves[:, None]], axis=1)
    if strengths is not None:
        targets *= strengths[:, None]
    far = np.zeros((-len(targets) % _GROUP, targets.shape[1]))
    far[:, -1] = _FAR
    about = graph.add("Sub", queries, graph.number(origin))
    own = graph.add("Mul", graph.number(0.5), _squared_norm(graph, about))
    extended = _with_columns(graph, graph.add("Concat", about, own, axis=1), [1.0])
    return graph.add("MatMul", extended, graph.number(np.concatenate([targets, far]).T))


def _lowest(graph: Graph, values: str, count: int) -> str:
    """Return where the lowest values of each row of `[Q, M']` are, int64 `[Q, K]`; the first `count` are of points."""
    groups = -(-count // _GROUP)
    chosen = min(_CANDIDATES, groups)
    grouped = graph.reshape(values, 0, groups, _GROUP)
    least = graph.add("ReduceMin", grouped, graph.whole([2]), keepdims=0)
    group = graph.indices_of_lowest(least, chosen)
    members = graph.add("GatherND", grouped, graph.add("Unsqueeze", group, graph.whole([2])), batch_dims=1)
    place = graph.indices_of_lowest(graph.reshape(members, 0, chosen * _GROUP), min(_CANDIDATES, count))
    owner = graph.add("GatherElements", group, graph.add("Div", place, graph.whole(_GROUP)), axis=1)
    return _number_of(graph, owner, graph.add("Mod", place, graph.whole(_GROUP)), _GROUP, count)


def _number_of(graph: Graph, group: str, within: str, size: int, count: int) -> str:
    """Return which of `count` points stand at places within groups of a size.

    What fills up the last group is no point; where a patch is no number, it may be named.
    """
    number = graph.add("Add", graph.add("Mul", group, graph.whole(size)), within)
    return graph.add("Min", number, graph.whole(count - 1))


def _least(graph: Graph, distances: str, named: str, count: int) -> Found:
    """Return the smallest of each row of distances `[Q, K]` and its point.

    Of points at the same distance the first counts, as it does in the model. Where a patch is no number, nothing is the
    nearest, and the index must still be one of a point.
    """
    least = graph.add("ReduceMin", distances, graph.whole([1]), keepdims=1)
    equal = graph.add("Where", graph.add("Equal", distances, least), named, graph.whole(count - 1))
    index = graph.add("ReduceMin", equal, graph.whole([1]), keepdims=0)
    return graph.add("Squeeze", least, graph.whole([1])), index


def _distances(graph: Graph, queries: str, points: Floats, candidates: str) -> str:
    """Return the distances of queries `[Q, C]` to their candidates, `[Q, K]`."""
    found = graph.add("Gather", graph.number(points), candidates, axis=0)
    return vector_norm(graph, graph.add("Sub", graph.add("Unsqueeze", queries, graph.whole([1])), found), 2)


def _with_columns(graph: Graph, matrix: str, values: npt.ArrayLike) -> str:
    """Return a matrix `[Q, F]` with a column of each of the values added on the right."""
    first = graph.add("Slice", matrix, graph.whole([0]), graph.whole([1]), graph.whole([1]))
    zeros = graph.add("Mul", first, graph.number(0.0))
    return graph.add("Concat", matrix, graph.add("Add", zeros, graph.number(np.atleast_2d(values))), axis=1)


def _like(graph: Graph, flat: str, patches: str) -> str:
    """Return what was found of all patches by image again: `[B, P]`."""
    shape = graph.add("Slice", graph.add("Shape", patches), graph.whole([0]), graph.whole([2]))
    return graph.add("Reshape", flat, shape)
