"""From the network's input to patch features as nodes: the backbone, and what `PatchAggregation` does behind it."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from patchsieve.features import FeatureExtractor, PatchAggregation, Tiling
from patchsieve.runtime.export.graph import Graph

Grid = tuple[int, int]
Shape = tuple[int, int, int]

# Channels averaged to one: up to so many they are gathered and added up, beyond a product with a matrix is cheaper.
_GATHERED = 4


def extracted(graph: Graph, inputs: str, model: Any, extractor: FeatureExtractor) -> tuple[str, Shape]:
    """Return patch features float32 `[B, H * W, C]` and (H, W, C).

    Args:
        graph: to add to.
        inputs: preprocessed images float32 `[B, 3, h, w]`.
        model: the backbone as an `onnx.ModelProto`; an output may be a map or tokens `[B, T, C]`.
        extractor: what the backbone is part of, on the CPU.
    """
    tiling = extractor.tiling
    piece = extractor.preprocessing.frame if tiling is None else tiling.tile
    with torch.inference_mode():
        layers = extractor.backbone(torch.zeros(1, 3, *piece))
    shapes = [(layer.shape[1], layer.shape[2], layer.shape[3]) for layer in layers]
    if tiling is None:
        return aggregated(graph, _run(graph, model, inputs, shapes), shapes, extractor.aggregation)
    # Tile by tile, not all in one batch: what lies between the layers is large, and of one tile only it is bounded.
    tiles = [_run(graph, model, tile, shapes) for tile in _cut(graph, inputs, tiling)]
    stitched = [
        _stitched(graph, [tile[number] for tile in tiles], shape, tiling)
        for number, shape in enumerate(shapes)
    ]
    sizes = [(shape[0], *tiling.grid(tiling.tile, (shape[1], shape[2]))) for shape in shapes]
    return aggregated(graph, stitched, sizes, extractor.aggregation)


def _run(graph: Graph, model: Any, inputs: str, shapes: Sequence[Shape]) -> list[str]:
    """Return the layers of a backbone, float32 `[B, C, h, w]` each."""
    outputs = graph.merge(model, "backbone", inputs)
    layers = []
    for output, described, shape in zip(outputs, model.graph.output, shapes, strict=True):
        rank = len(described.type.tensor_type.shape.dim)
        layers.append(output if rank == 4 else _tokens_as_map(graph, output, shape))
    return layers


def _cut(graph: Graph, inputs: str, tiling: Tiling) -> list[str]:
    """Return the tiles of images, row by row; see `Tiling.cut`."""
    height, width = tiling.tile
    beyond = (tiling.rows[-1] + height - tiling.frame[0], tiling.columns[-1] + width - tiling.frame[1])
    if max(beyond) > 0:
        pads = graph.whole([0, 0, 0, 0, 0, 0, *(max(0, pixels) for pixels in beyond)])
        inputs = graph.add("Pad", inputs, pads, mode="edge")
    return [
        graph.add(
            "Slice",
            inputs,
            graph.whole([row, column]),
            graph.whole([row + height, column + width]),
            graph.whole([2, 3]),
        )
        for row in tiling.rows
        for column in tiling.columns
    ]


def _stitched(graph: Graph, tiles: Sequence[str], shape: Shape, tiling: Tiling) -> str:
    """Return one layer of images from that of their tiles; see `Tiling.stitch`."""
    across = len(tiling.columns)
    bands = [
        graph.add("Concat", *tiles[first : first + across], axis=3) for first in range(0, len(tiles), across)
    ]
    laid = graph.add("Concat", *bands, axis=2)
    down, right = tiling.matrices((shape[1], shape[2]))
    return graph.add(
        "MatMul",
        graph.add("MatMul", graph.number(down.numpy()), laid),
        graph.number(right.T.contiguous().numpy()),
    )


def _tokens_as_map(graph: Graph, tokens: str, shape: Shape) -> str:
    """Return `[B, C, h, w]` from tokens `[B, T, C]`: the last h times w of them."""
    channels, height, width = shape
    last = graph.add(
        "Slice",
        tokens,
        graph.whole([-height * width]),
        graph.whole([np.iinfo(np.int64).max]),
        graph.whole([1]),
    )
    planes = graph.add("Transpose", last, perm=[0, 2, 1])
    return graph.reshape(planes, 0, channels, height, width)


def aggregated(
    graph: Graph, layers: Sequence[str], shapes: Sequence[Shape], aggregation: PatchAggregation
) -> tuple[str, Shape]:
    """Return patch features float32 `[B, H * W, C]` and (H, W, C)."""
    pooled, sizes = [], []
    for layer, shape in zip(layers, shapes, strict=True):
        tensor, size = _neighbourhood(graph, layer, shape, aggregation)
        pooled.append(tensor)
        sizes.append(size)
    grid = aggregation.grid or max((size[1:] for size in sizes), key=prod)
    brought = [_on_grid(graph, tensor, size, grid) for tensor, size in zip(pooled, sizes, strict=True)]
    together = brought[0] if len(brought) == 1 else graph.add("Concat", *brought, axis=1)
    channels = sum(size[0] for size in sizes)
    flat = graph.reshape(together, 0, channels, grid[0] * grid[1])
    patches = graph.add("Transpose", flat, perm=[0, 2, 1])
    if aggregation.dims is None or aggregation.dims == channels:
        return patches, (grid[0], grid[1], channels)
    return _fewer_channels(graph, patches, channels, aggregation.dims), (grid[0], grid[1], aggregation.dims)


def _neighbourhood(
    graph: Graph, layer: str, shape: Shape, aggregation: PatchAggregation
) -> tuple[str, Shape]:
    size, stride = aggregation.patch_size, aggregation.patch_stride
    channels, height, width = shape
    pad = size // 2
    out = tuple((length + 2 * pad - size) // stride + 1 for length in (height, width))
    if size == 1 and stride == 1:
        return layer, shape
    pooled = graph.add(
        "AveragePool",
        layer,
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[pad] * 4,
        count_include_pad=0,
    )
    return pooled, (channels, out[0], out[1])


def _on_grid(graph: Graph, layer: str, shape: Shape, grid: Grid) -> str:
    """Return a layer on another grid: the same linear map as torch's, as products with constant matrices."""
    _, height, width = shape
    if (height, width) == grid:
        return layer
    finer = height * width > prod(grid)
    down, across = (
        _resizing(length, size, finer) for length, size in zip((height, width), grid, strict=True)
    )
    return graph.add("MatMul", graph.add("MatMul", graph.number(down), layer), graph.number(across.T))


def _resizing(length: int, size: int, antialias: bool) -> npt.NDArray[np.float32]:
    """Return torch's bilinear resize of `length` values to `size` as a matrix float32 `[size, length]`."""
    identity = torch.eye(length)[None, None]
    resized = functional.interpolate(
        identity, size=(length, size), mode="bilinear", align_corners=False, antialias=antialias
    )
    matrix: npt.NDArray[np.float32] = resized[0, 0].T.numpy()
    return matrix


def _fewer_channels(graph: Graph, patches: str, channels: int, dims: int) -> str:
    """Return `[B, P, dims]`: the adaptive average pooling of torch over the channels."""
    matrix = functional.adaptive_avg_pool1d(torch.eye(channels)[None], dims)[0].numpy()
    widest = int((matrix > 0).sum(axis=0).max())
    if widest > _GATHERED:
        return graph.add("MatMul", patches, graph.number(matrix))
    # The channels of each window by falling weight; a window that is narrower ends in weights of 0.
    order = np.argsort(-matrix, axis=0, kind="stable")[:widest]
    parts = [
        graph.add(
            "Mul",
            graph.add("Gather", patches, graph.whole(channel), axis=2),
            graph.number(matrix[channel, np.arange(dims)]),
        )
        for channel in order
    ]
    return parts[0] if len(parts) == 1 else graph.add("Sum", *parts)
