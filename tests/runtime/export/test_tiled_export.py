"""A model that looks at images in tiles, exported: one graph that cuts, runs the backbone and stitches."""

import numpy as np
import pytest
from PIL import Image

from patchsieve.detectors import make_detector
from patchsieve.runtime import load_exported
from patchsieve.runtime.export import export_model

# The tiles reach beyond this frame, below and to the right.
FRAME = 200, 330


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, part):
    """Six parts in the size of the frame."""
    folder = tmp_path_factory.mktemp("plates")
    for index in range(6):
        part(index, size=FRAME[::-1]).image.save(folder / f"{index:02}.png")
    return folder


def judged(part):
    """Return images as they come: of the frame's size and of others, grey, defective."""
    defective = [part(50 + index, defective=True, size=FRAME[::-1]).image for index in range(2)]
    larger = part(60, size=(400, 260)).image
    grey = part(61, size=FRAME[::-1]).image.convert("L")
    assert isinstance(grey, Image.Image)
    return [*defective, larger, grey]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "layer", "tile", "count", "to"),
    [("efficientnet_lite0", "stage3", 128, 8, "openvino"), ("dinov2_vits14", "block2", 224, 2, "onnx")],
)
def test_the_graph_says_what_the_model_says(photographs, part, tmp_path, backbone, layer, tile, count, to):
    backed = {"backbone": backbone, "layers": [layer], "device": "cpu"}
    tiled = {"tile": tile, "tile_overlap": 32, "bank_size": 300, "folds": 2}
    model = make_detector("patchcore", backed | tiled).fit(photographs)
    assert len(model.extractor_.tiling) == count
    exported = export_model(model, tmp_path / "line7", to=to)
    assert exported.parity.same
    images = judged(part)
    ours, theirs = model.predict(images), load_exported(tmp_path / "line7").predict(images)
    np.testing.assert_allclose(theirs.scores, ours.scores, rtol=1e-3)
    np.testing.assert_allclose(theirs.maps, ours.maps, atol=1e-2 * float(ours.maps.max()), rtol=0)
    assert theirs.verdicts == ours.verdicts
    np.testing.assert_array_equal(theirs.peaks, ours.peaks)
