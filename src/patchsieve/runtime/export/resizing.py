"""Preprocessing as nodes: the antialiased bilinear resize of `Preprocessing` as two products with computed weights.

Engines differ in what their own resize operators do, and some leave antialiasing out. Here each output row is a
weighted sum of the image's rows, each output column one of its columns, with the triangle filter of torch: support
`max(1, scale)` around the centre `(i + 0.5) * scale`, weights normalised. The weights follow from the image's size,
in the graph, so images of any size go in.
"""

import numpy as np

from patchsieve.images.preprocessing import Preprocessing
from patchsieve.runtime.export.graph import Graph

# Outputs that are made of one stretch of the image: each needs few of its rows or columns, and a product with all of
# them would multiply zeros.
_BLOCK = 16


def preprocessed(graph: Graph, images: str, preprocessing: Preprocessing) -> str:
    """Return float32 `[B, 3, h, w]` in the model frame, normalised, from uint8 RGB `[B, H, W, 3]`."""
    (height, width), (frame_height, frame_width) = preprocessing.image_size, preprocessing.frame
    top, left = (height - frame_height) // 2, (width - frame_width) // 2
    shape = graph.add("Shape", images)
    # Rows as they lie in memory, the colours of a pixel side by side; then columns in their place.
    rows = graph.reshape(images, 0, 0, -1)
    rows = _resized(graph, rows, _axis(graph, shape, 1), height, top, frame_height)
    rows = graph.reshape(rows, 0, frame_height, -1, 3)
    columns = graph.reshape(graph.add("Transpose", rows, perm=[0, 2, 3, 1]), 0, -1, 3 * frame_height)
    columns = _resized(graph, columns, _axis(graph, shape, 2), width, left, frame_width)
    columns = graph.reshape(columns, 0, frame_width, 3, frame_height)
    mean, std = (np.array(each).reshape(1, 3, 1, 1) for each in (preprocessing.mean, preprocessing.std))
    scaled = graph.add(
        "Mul", graph.add("Transpose", columns, perm=[0, 2, 3, 1]), graph.number(1 / (255 * std))
    )
    return graph.add("Sub", scaled, graph.number(mean / std))


def _axis(graph: Graph, shape: str, axis: int) -> str:
    """Return one length of a shape as a scalar."""
    return graph.add("Gather", shape, graph.whole(axis), axis=0)


def _resized(graph: Graph, lines: str, length: str, size: int, first: int, count: int) -> str:
    """Return outputs `first` to `first + count` of `size`, float32 `[B, count, X]`, from numbers `[B, length, X]`.

    They are made in blocks, each from its own stretch.
    """
    blocks = -(-count // _BLOCK)
    # The last block is filled up with copies of the last output.
    outputs = first + np.minimum(np.arange(blocks * _BLOCK), count - 1).reshape(blocks, _BLOCK)
    pixels = graph.cast(length, np.float32)
    scale = graph.add("Div", pixels, graph.number(float(size)))
    support = graph.add("Max", scale, graph.number(1.0))
    centres = graph.add("Mul", graph.number(outputs.astype(np.float32) + 0.5), scale)
    leading = graph.add("Mul", graph.number(outputs[:, :1].astype(np.float32) + 0.5), scale)
    begin = graph.add("Floor", graph.add("Add", graph.add("Sub", leading, support), graph.number(0.5)))
    begin = graph.add("Max", begin, graph.number(0.0))
    # As far as the filter of a block's last output reaches from where that of the first begins.
    reach = graph.add("Mul", scale, graph.number(float(_BLOCK - 1)))
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
    weights = graph.add("Div", weights, graph.add("ReduceSum", weights, graph.whole([2]), keepdims=1))
    last = graph.add("Sub", pixels, graph.number(1.0))
    indices = graph.cast(graph.add("Min", positions, last), np.int64)
    stretches = graph.cast(graph.add("Gather", lines, indices, axis=1), np.float32)
    made = graph.add("MatMul", weights, stretches)
    made = graph.reshape(made, 0, blocks * _BLOCK, -1)
    if blocks * _BLOCK == count:
        return made
    return graph.add("Slice", made, graph.whole([0]), graph.whole([count]), graph.whole([1]))


def _triangle(graph: Graph, positions: str, centres: str, support: str) -> str:
    """Return the filter's weights, not normalised, from positions and centres that broadcast."""
    distances = graph.add("Sub", graph.add("Add", positions, graph.number(0.5)), centres)
    return graph.add(
        "Relu",
        graph.add("Sub", graph.number(1.0), graph.add("Div", graph.add("Abs", distances), support)),
    )
