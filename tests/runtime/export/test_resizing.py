"""Preprocessing as nodes against `Preprocessing`, which asks torch."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchsieve.images.preprocessing import Preprocessing
from patchsieve.runtime.export.graph import Graph, Tensor
from patchsieve.runtime.export.resizing import preprocessed

FRAMES = {
    "whole": Preprocessing(image_size=(48, 40), crop=None),
    "cropped": Preprocessing(image_size=(64, 72), crop=(35, 33), mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0)),
}


def model_of(preprocessing):
    graph = Graph()
    found = preprocessed(graph, "images", preprocessing)
    return graph.model(
        {"images": Tensor(np.uint8, ("batch", "height", "width", 3))},
        {"inputs": Tensor(np.float32, ("batch", 3, *preprocessing.frame), found)},
    ).SerializeToString()


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def engines(request):
    """Return for each frame what runs its graph."""
    if request.param == "onnxruntime":
        import onnxruntime

        sessions = {name: onnxruntime.InferenceSession(model_of(one)) for name, one in FRAMES.items()}
        return {
            name: lambda images, session=session: session.run(None, {"images": images})[0]
            for name, session in sessions.items()
        }
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = {
        name: core.compile_model(core.read_model(model_of(one)), "CPU", settings)
        for name, one in FRAMES.items()
    }
    return {name: lambda images, model=model: model([images])[0] for name, model in compiled.items()}


@given(
    frame=st.sampled_from(sorted(FRAMES)),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    seed=st.integers(0, 99),
)
@example(frame="whole", height=48, width=40, seed=0)
@example(frame="cropped", height=1, width=1, seed=0)
@example(frame="cropped", height=1000, width=37, seed=0)
@settings(max_examples=30, deadline=None)
def test_images_of_any_size_come_out_as_they_do_from_torch(engines, frame, height, width, seed):
    images = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    expected = np.stack([FRAMES[frame](image).numpy() for image in images])
    np.testing.assert_allclose(engines[frame](images), expected, atol=2e-4)


def test_antialiasing_is_there(engines):
    # Stripes of one pixel vanish in a true resize; one that only looks at neighbours keeps some of them.
    stripes = np.zeros((1, 480, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    found = engines["whole"](stripes) * np.reshape(FRAMES["whole"].std, (1, 3, 1, 1))
    assert np.ptp(found[:, 0, 1:-1]) < 0.02
