"""Nearest neighbours as nodes against brute force in float64."""

import numpy as np
import onnxruntime
import pytest

from patchsieve.runtime.export.graph import Graph, Tensor
from patchsieve.runtime.export.search import nearest, nearest_by_pull

CHANNELS = 20


def run(write, queries):
    graph = Graph()
    found = write(graph, "patches")
    names = [found] if isinstance(found, str) else list(found)
    types = [np.float32, np.int64][: len(names)]
    model = graph.model(
        {"patches": Tensor(np.float32, ("batch", "patches", CHANNELS))},
        {
            f"out_{n}": Tensor(dtype, ("batch", "patches"), name)
            for n, (name, dtype) in enumerate(zip(names, types, strict=True))
        },
    )
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"patches": queries})


def apart(queries, points):
    return np.linalg.norm(queries[:, :, None].astype(np.float64) - points.astype(np.float64), axis=3)


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 700])
def test_the_nearest_of_any_number_of_points(count):
    rng = np.random.default_rng(count)
    points = (50 + rng.normal(size=(count, CHANNELS))).astype(np.float32)
    queries = (50 + rng.normal(size=(2, 37, CHANNELS))).astype(np.float32)
    distances, index = run(lambda graph, patches: nearest(graph, patches, points), queries)
    expected = apart(queries, points)
    assert (index == expected.argmin(axis=2)).all()
    np.testing.assert_allclose(distances, expected.min(axis=2), rtol=1e-6)


def test_points_themselves_are_at_distance_zero_and_of_equals_the_first_counts():
    points = np.random.default_rng(0).normal(1000, 1, (300, CHANNELS)).astype(np.float32)
    points[299] = points[5]
    distances, index = run(lambda graph, patches: nearest(graph, patches, points), points[None])
    assert (distances == 0).all()
    assert index[0, 299] == 5


@pytest.mark.parametrize("count", [1, 130])
def test_what_pulls_less_is_farther_away(count):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(count, CHANNELS)).astype(np.float32)
    pulls = rng.uniform(0.05, 1, count).astype(np.float32)
    queries = rng.normal(size=(1, 50, CHANNELS)).astype(np.float32)
    (found,) = run(lambda graph, patches: nearest_by_pull(graph, patches, points, pulls), queries)
    np.testing.assert_allclose(found, (apart(queries, points) / pulls).min(axis=2), rtol=1e-5)
