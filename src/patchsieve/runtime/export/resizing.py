"""Preprocessing as nodes: the antialiased bilinear resize of `Preprocessing` as two products with computed weights.

Engines differ in what their own resize operators do, and some leave antialiasing out. Here each output row is a
weighted sum of the image's rows, each output column one of its columns, with the triangle filter of torch: support
`max(1, scale)` around the centre `(i + 0.5) * scale`, weights normalised. The weights follow from the image's size,
in the graph, so images of any size go in.
"""

import numpy as np

from patchsieve.images.preprocessing import Preprocessing
from patchsieve.runtime.export.graph import Graph

# Output rows that are made of one stretch of the image: an output row needs few of the image's, and a product with
# all of them would multiply zeros.
_ROWS = 16


def preprocessed(graph: Graph, images: str, preprocessing: Preprocessing) -> str:
    """Return float32 `[B, 3, h, w]` in the model frame, normalised, from uint8 RGB `[B, H, W, 3]`."""
    (height, width), (frame_height, frame_width) = preprocessing.image_size, preprocessing.frame
    top, left = (height - frame_height) // 2, (width - frame_width) // 2
    shape = graph.add("Shape", images)
    rows = _resized_rows(graph, images, _axis(graph, shape, 1), height, top, frame_height)
    planes = graph.add("Transpose", rows, perm=[0, 3, 1, 2])
    across = _weights(graph, _axis(graph, shape, 2), width, left, frame_width)
    resized = graph.add("MatMul", planes, graph.add("Transpose", across, perm=[1, 0]))
    mean, std = (
        np.array(each, np.float32).reshape(1, 3, 1, 1) for each in (preprocessing.mean, preprocessing.std)
    )
    scaled = graph.add("Div", resized, graph.number(255.0))
    return graph.add("Div", graph.add("Sub", scaled, graph.number(mean)), graph.number(std))


def _axis(graph: Graph, shape: str, axis: int) -> str:
    """Return one length of a shape as a scalar."""
    return graph.add("Gather", shape, graph.whole(axis), axis=0)


def _scale(graph: Graph, length: str, size: int) -> tuple[str, str, str]:
    """Return the length as float32, the scale and the filter's support, in pixels of the image."""
    pixels = graph.cast(length, np.float32)
    scale = graph.add("Div", pixels, graph.number(float(size)))
    return pixels, scale, graph.add("Max", scale, graph.number(1.0))


def _triangle(graph: Graph, positions: str, centres: str, support: str) -> str:
    """Return the filter's weights, not normalised, from positions and centres that broadcast."""
    distances = graph.add("Sub", graph.add("Add", positions, graph.number(0.5)), centres)
    return graph.add(
        "Relu",
        graph.add("Sub", graph.number(1.0), graph.add("Div", graph.add("Abs", distances), support)),
    )


def _normalised(graph: Graph, weights: str, axis: int) -> str:
    return graph.add("Div", weights, graph.add("ReduceSum", weights, graph.whole([axis]), keepdims=1))


def _weights(graph: Graph, length: str, size: int, first: int, count: int) -> str:
    """Return the weights of all pixels for outputs `first` to `first + count`, float32 `[count, length]`."""
    _, scale, support = _scale(graph, length, size)
    outputs = graph.number(np.arange(first, first + count, dtype=np.float32)[:, None] + 0.5)
    every = graph.add("Range", graph.whole(0), length, graph.whole(1))
    weights = _triangle(graph, graph.cast(every, np.float32), graph.add("Mul", outputs, scale), support)
    return _normalised(graph, weights, 1)


def _resized_rows(graph: Graph, images: str, length: str, size: int, first: int, count: int) -> str:
    """Return float32 `[B, count, W, 3]` from uint8 `[B, H, W, 3]`: output rows in blocks, each from its own stretch."""
    blocks = -(-count // _ROWS)
    # The last block is filled up with copies of the last row.
    outputs = first + np.minimum(np.arange(blocks * _ROWS), count - 1).reshape(blocks, _ROWS)
    pixels, scale, support = _scale(graph, length, size)
    centres = graph.add("Mul", graph.number(outputs.astype(np.float32) + 0.5), scale)
    leading = graph.add("Mul", graph.number(outputs[:, :1].astype(np.float32) + 0.5), scale)
    begin = graph.add("Floor", graph.add("Add", graph.add("Sub", leading, support), graph.number(0.5)))
    begin = graph.add("Max", begin, graph.number(0.0))
    # As far as the filter of the last of a block's rows reaches from where that of the first begins.
    reach = graph.add("Mul", scale, graph.number(float(_ROWS - 1)))
    reach = graph.add("Add", reach, graph.add("Mul", support, graph.number(2.0)))
    taken = graph.cast(graph.add("Add", graph.add("Ceil", reach), graph.number(2.0)), np.int64)
    taken = graph.add("Min", taken, length)
    steps = graph.cast(graph.add("Range", graph.whole(0), taken, graph.whole(1)), np.float32)
    positions = graph.add("Add", begin, steps)
    weights = _triangle(
        graph,
        graph.add("Unsqueeze", positions, graph.whole([1])),
        graph.add("Unsqueeze", centres, graph.whole([2])),
        support,
    )
    inside = graph.cast(graph.add("Less", positions, pixels), np.float32)
    weights = graph.add("Mul", weights, graph.add("Unsqueeze", inside, graph.whole([1])))
    last = graph.add("Sub", pixels, graph.number(1.0))
    indices = graph.cast(graph.add("Min", positions, last), np.int64)
    # Rows as they lie in memory, the colours of a pixel side by side.
    flat = graph.reshape(images, 0, 0, -1)
    stretches = graph.cast(graph.add("Gather", flat, indices, axis=1), np.float32)
    rows = graph.add("MatMul", _normalised(graph, weights, 2), stretches)
    rows = graph.reshape(rows, 0, blocks * _ROWS, -1, 3)
    if blocks * _ROWS == count:
        return rows
    return graph.add("Slice", rows, graph.whole([0]), graph.whole([count]), graph.whole([1]))
