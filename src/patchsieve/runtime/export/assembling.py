"""A fitted detector as one graph, from uint8 RGB images of any size to scores and anomaly maps."""

from collections.abc import Callable
from typing import Any

import numpy as np

from patchsieve.detectors import Detector
from patchsieve.detectors.maps import MapSmoother
from patchsieve.errors import ConfigError
from patchsieve.features import FeatureExtractor
from patchsieve.runtime.export.backbones import backbone_model
from patchsieve.runtime.export.features import extracted
from patchsieve.runtime.export.graph import Graph, Tensor
from patchsieve.runtime.export.resizing import preprocessed
from patchsieve.runtime.export.scoring import scored, writer_of

# What is done to the backbone before it becomes part of the graph, such as another precision.
Change = Callable[[Any], Any]


def require_exportable(model: Detector) -> None:
    """Raise `ConfigError` where a detector has no graph."""
    writer_of(model)
    if model.extractor_.others:
        raise ConfigError("a model with several backbones cannot be exported")


def assembled(
    model: Detector, extractor: FeatureExtractor, change: Change = lambda backbone: backbone
) -> Any:
    """Return an `onnx.ModelProto`: uint8 `[B, H, W, 3]` to scores float32 `[B]` and maps float32 `[B, h, w]`.

    Args:
        model: fitted.
        extractor: its own, or the same with a backbone that computes in float32; on the CPU.
        change: of the backbone.

    Raises:
        ConfigError: it has no graph.
    """
    preprocessing = extractor.preprocessing
    tiling = extractor.tiling
    piece = preprocessing.frame if tiling is None else tiling.tile
    backbone = change(backbone_model(extractor.backbone, piece))
    graph = Graph()
    inputs = preprocessed(graph, "images", preprocessing)
    patches, shape = extracted(graph, inputs, backbone, extractor)
    scores, patch_scores = scored(graph, model, patches, shape)
    maps = _smoothed(graph, patch_scores, MapSmoother(shape[:2], preprocessing.frame, model.sigma))
    others = [entry for entry in backbone.opset_import if entry.domain not in ("", "ai.onnx")]
    return graph.model(
        {"images": Tensor(np.uint8, ("batch", "height", "width", 3))},
        {
            "scores": Tensor(np.float32, ("batch",), scores),
            "maps": Tensor(np.float32, ("batch", *preprocessing.frame), maps),
        },
        others,
    )


def _smoothed(graph: Graph, patch_scores: str, smoother: MapSmoother) -> str:
    down, across = (graph.number(matrix.numpy()) for matrix in (smoother.down, smoother.across))
    return graph.add("MatMul", graph.add("MatMul", down, patch_scores), across)
