"""The paper's backbone with a bank of 10,000 patches of 1,536 channels: what becomes of it as a graph."""

import numpy as np
import onnx
import pytest

from patchsieve.detectors import PatchCore
from patchsieve.runtime import load_exported
from patchsieve.runtime.export import export_model

CHANNELS, BANK = 1536, 10_000
# Of the network up to its third stage, without which the layers would not be there.
FEWEST_WEIGHTS = 20_000_000


@pytest.mark.slow
@pytest.mark.usefixtures("timm")
def test_its_numbers_stand_beside_the_graph_and_every_engine_says_the_same(parts, every_kind, tmp_path):
    model = PatchCore(
        backbone="timm:wide_resnet50_2@random",
        layers=("layer2", "layer3"),
        coreset="random",
        coreset_ratio=1.0,
        bank_size=BANK,
        folds=2,
    ).fit(str(parts(tmp_path / "parts", 13)))
    assert model.bank_.features.shape == (BANK, CHANNELS)
    done = export_model(model, tmp_path / "line7")
    assert done.parity.same

    graph, numbers = (tmp_path / "line7" / name for name in ("model.onnx", "model.onnx.data"))
    assert graph.stat().st_size < 1_000_000
    assert numbers.stat().st_size > 4 * (BANK * CHANNELS + FEWEST_WEIGHTS)
    assert done.size < 400_000_000
    # By the path, as where all would not fit into one message.
    onnx.checker.check_model(str(graph), full_check=True)

    expected = model.predict(every_kind)
    for engine in ("onnxruntime", "openvino"):
        found = load_exported(tmp_path / "line7", engine=engine).predict(every_kind)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3)
        assert np.abs(found.maps - expected.maps).max() <= 1e-2 * expected.maps.max()
        assert found.verdicts == expected.verdicts
    print(f"{done.size / 1e6:.0f} MB; {done.parity.in_words}")
