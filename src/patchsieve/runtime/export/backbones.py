"""A backbone as an ONNX model of its own: exported from torch, or cut out of the ONNX file that it is."""

import warnings
from typing import Any

import torch
from torch import nn

from patchsieve.errors import ConfigError
from patchsieve.features import Backbone
from patchsieve.features.backbones.onnx_graph import OnnxBackbone
from patchsieve.runtime.export.graph import OPSET

# Of the example that is traced; with 1, the length would count as fixed.
_BATCH = 2


def backbone_model(backbone: Backbone, frame: tuple[int, int]) -> Any:
    """Return an `onnx.ModelProto` from float32 `[B, 3, h, w]` to one output for each layer, in float32.

    Args:
        backbone: on the CPU, computing in float32.
        frame: (h, w).

    Raises:
        ConfigError: the network cannot be written as an ONNX graph.
    """
    if isinstance(backbone, OnnxBackbone):
        return _cut_out(backbone)
    return _traced(backbone, frame)


class _Traceable(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self._backbone = backbone

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._backbone(images))


def _traced(backbone: Backbone, frame: tuple[int, int]) -> Any:
    example = torch.zeros(_BATCH, 3, *frame)
    try:
        with warnings.catch_warnings():
            # torch warns of its own deprecated names while it exports.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Traceable(backbone).eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"the backbone {backbone.name} cannot be written as an ONNX graph: {reason[:300]}"
        ) from error
    assert program is not None
    return program.model_proto


def _cut_out(backbone: OnnxBackbone) -> Any:
    import onnx
    from onnx import helper, version_converter

    model = onnx.load(str(backbone.path))
    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if version != OPSET:
        model = version_converter.convert_version(model, OPSET)
    # Shapes of inner tensors: whether a layer is a map or tokens is seen from them.
    model = onnx.shape_inference.infer_shapes(model)
    described = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    del model.graph.output[:]
    model.graph.output.extend(
        described.get(name, helper.make_empty_tensor_value_info(name)) for name in backbone.tensors
    )
    return _only_what_is_needed(model)


def _only_what_is_needed(model: Any) -> Any:
    """Drop the nodes and numbers that no output comes from."""
    wanted = {output.name for output in model.graph.output}
    nodes = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            nodes.append(node)
            wanted |= set(node.input)
            # What a branch or a loop inside a node takes from outside.
            for attribute in node.attribute:
                wanted |= {name for inner in attribute.g.node for name in inner.input}
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    numbers = [number for number in model.graph.initializer if number.name in wanted]
    del model.graph.initializer[:]
    model.graph.initializer.extend(numbers)
    return model
