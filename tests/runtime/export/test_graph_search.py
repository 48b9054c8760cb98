"""Nearest neighbours as nodes against brute force in float64."""

import numpy as np
import onnxruntime
import openvino
import pytest

from patchsieve.runtime.export import screening
from patchsieve.runtime.export.graph import Graph, Tensor
from patchsieve.runtime.export.screening import Screen
from patchsieve.runtime.export.search import nearest, nearest_by_pull, nearest_by_reach

CHANNELS = 20


def written(write):
    graph = Graph()
    found = write(graph, "patches")
    names = [found] if isinstance(found, str) else list(found)
    types = [np.float32, np.int64][: len(names)]
    return graph.model(
        {"patches": Tensor(np.float32, ("batch", "patches", CHANNELS))},
        {
            f"out_{n}": Tensor(dtype, ("batch", "patches"), name)
            for n, (name, dtype) in enumerate(zip(names, types, strict=True))
        },
    )


def run(write, queries):
    session = onnxruntime.InferenceSession(written(write).SerializeToString())
    return session.run(None, {"patches": queries})


def run_openvino(write, queries):
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(written(write).SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found = compiled([queries])
    return [found[place] for place in range(len(compiled.outputs))]


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


@pytest.mark.parametrize("count", [1, 130])
def test_nobody_is_nearer_than_a_radius(count):
    rng = np.random.default_rng(2)
    points = rng.normal(size=(count, CHANNELS)).astype(np.float32)
    radii = rng.uniform(0, 9, count).astype(np.float32)
    queries = rng.normal(size=(2, 50, CHANNELS)).astype(np.float32)
    reach, index = run(lambda graph, patches: nearest_by_reach(graph, patches, points, radii), queries)
    expected = np.maximum(apart(queries, points), radii)
    np.testing.assert_allclose(reach, expected.min(axis=2), rtol=1e-5)
    assert (index == expected.argmin(axis=2)).all()


@pytest.fixture
def screens(monkeypatch):
    """Banks as small as these are screened, too."""
    monkeypatch.setattr(screening, "_FEWEST_NUMBERS", 0)
    monkeypatch.setattr(screening, "_MEASURED", 0)


def spread(rng, count, fade):
    """Vectors around 50 whose k-th axis has the standard deviation fade^k, the axes turned."""
    turned = np.linalg.qr(np.random.default_rng(7).normal(size=(CHANNELS, CHANNELS)))[0]
    return (50 + rng.normal(size=(count, CHANNELS)) * fade ** np.arange(CHANNELS) @ turned).astype(np.float32)


@pytest.mark.usefixtures("screens")
@pytest.mark.parametrize("engine", [run, run_openvino])
@pytest.mark.parametrize("fade", [1.0, 0.6])
def test_a_screen_changes_nothing(engine, fade):
    rng = np.random.default_rng(3)
    points = spread(rng, 1999, fade)
    points[1998] = points[5]
    screen = Screen.of(points)
    assert (screen.rest is None) == (fade == 1.0)
    # Patches like the points, points themselves, and patches out of range of the screen's integers.
    queries = np.concatenate(
        [spread(rng, 200, fade), points[::50], points[-1:], 50 + 9 * (points[:40] - 50)]
    )[None]
    expected = apart(queries, points)
    distances, index = engine(lambda graph, patches: nearest(graph, patches, points), queries)
    np.testing.assert_allclose(distances, expected.min(axis=2), rtol=1e-5, atol=1e-5)
    assert (index == expected.argmin(axis=2)).all()


@pytest.mark.usefixtures("screens")
@pytest.mark.parametrize("engine", [run, run_openvino])
def test_where_a_screen_names_all_or_nothing_can_be_the_nearest(engine):
    rng = np.random.default_rng(4)
    points = spread(rng, 1000, 1.0)
    far = np.full((1, 3, CHANNELS), 1e4, np.float32)
    distances, index = engine(lambda graph, patches: nearest(graph, patches, points), far)
    np.testing.assert_allclose(distances, apart(far, points).min(axis=2), rtol=1e-5)
    _, index = engine(lambda graph, patches: nearest(graph, patches, points), np.full_like(far, np.nan))
    assert ((index >= 0) & (index < 1000)).all()


@pytest.mark.usefixtures("screens")
@pytest.mark.parametrize("engine", [run, run_openvino])
def test_where_the_likeliest_is_the_only_one_that_a_screen_names(engine):
    rng = np.random.default_rng(6)
    points = spread(rng, 1000, 1.0)
    queries = points[None, ::200] + np.float32(1e-4)
    distances, index = engine(lambda graph, patches: nearest(graph, patches, points), queries)
    assert (index == np.arange(0, 1000, 200)).all()
    np.testing.assert_allclose(distances, apart(queries, points).min(axis=2), rtol=1e-5)


def test_a_bank_that_is_used_twice_is_kept_once():
    points = np.random.default_rng(8).normal(size=(300, CHANNELS)).astype(np.float32)

    def twice(graph, patches):
        _, index = nearest(graph, patches, points)
        return graph.add("Add", nearest(graph, patches, points)[0], graph.cast(index, np.float32))

    kept = written(twice).graph.initializer
    assert [tuple(one.dims) for one in kept].count(points.shape) == 1
    graph = Graph()
    assert graph.number(1.0) == graph.number(np.float32(1.0))
    assert len({graph.number(1.0), graph.whole(1), graph.number([1.0]), graph.number([[1.0]])}) == 4


def test_equal_points_and_small_banks_have_no_screen(monkeypatch):
    points = np.random.default_rng(5).normal(size=(500, CHANNELS)).astype(np.float32)
    assert Screen.of(points) is None
    monkeypatch.setattr(screening, "_FEWEST_NUMBERS", 0)
    monkeypatch.setattr(screening, "_MEASURED", 0)
    assert Screen.of(points) is not None
    # All are as near as the nearest.
    assert Screen.of(np.zeros((1000, CHANNELS), np.float32)) is None
