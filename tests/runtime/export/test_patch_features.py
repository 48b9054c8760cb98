"""Aggregation as nodes against `PatchAggregation`."""

import numpy as np
import onnxruntime
import pytest
import torch

from patchsieve.features import PatchAggregation
from patchsieve.runtime.export.features import aggregated
from patchsieve.runtime.export.graph import Graph, Tensor

SHAPES = [(6, 12, 16), (10, 6, 8), (7, 3, 4)]


@pytest.mark.parametrize(
    "aggregation",
    [
        PatchAggregation(),
        PatchAggregation(patch_size=1),
        PatchAggregation(patch_size=5, patch_stride=2),
        PatchAggregation(dims=23),
        PatchAggregation(dims=16),
        PatchAggregation(dims=4),
        PatchAggregation(dims=31),
        PatchAggregation(grid=(5, 7)),
        PatchAggregation(grid=(20, 16), dims=12),
    ],
    ids=str,
)
def test_the_same_patch_features(aggregation):
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(2, *shape)).astype(np.float32) for shape in SHAPES]
    graph = Graph()
    names = [f"layer_{number}" for number in range(len(layers))]
    patches, shape = aggregated(graph, names, SHAPES, aggregation)
    model = graph.model(
        {name: Tensor(np.float32, ("batch", *shape)) for name, shape in zip(names, SHAPES, strict=True)},
        {"patches": Tensor(np.float32, ("batch", shape[0] * shape[1], shape[2]), patches)},
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, dict(zip(names, layers, strict=True)))
    expected = aggregation([torch.from_numpy(layer) for layer in layers]).numpy()
    assert shape == expected.shape[1:]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)
