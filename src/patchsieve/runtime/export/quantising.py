"""The backbone in fewer bits: float16, bfloat16, or 8-bit integers calibrated on images."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ConfigError

FP32, FP16, BF16, INT8 = "fp32", "fp16", "bf16", "int8"
# With what people call them.
PRECISIONS = {FP32: "float32", FP16: "float16", BF16: "bfloat16", INT8: "8-bit integers"}

Inputs = npt.NDArray[np.float32]


def in_half_precision(model: Any) -> Any:
    """Return a backbone that computes in float16; what goes in and comes out stays float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True)


def in_bfloat16(model: Any) -> Any:
    """Return a backbone that computes in bfloat16; what goes in and comes out stays float32."""
    # Which operators stay in float32, and where to convert, is the same for both types of 16 bits.
    half = in_half_precision(model)
    _retype(half.graph)
    return half


def _retype(graph: Any) -> None:
    """Make all that is float16 in a graph bfloat16."""
    from onnx import TensorProto

    del graph.value_info[:]
    for number in graph.initializer:
        _round(number)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.BFLOAT16
            if attribute.HasField("t"):
                _round(attribute.t)
            if attribute.HasField("g"):
                _retype(attribute.g)


def _round(number: Any) -> None:
    from onnx import TensorProto, helper, numpy_helper

    if number.data_type != TensorProto.FLOAT16:
        return
    rounded = torch.from_numpy(numpy_helper.to_array(number).astype(np.float32)).to(torch.bfloat16)
    # As bytes: OpenVINO misreads the form in which onnx writes a list of them.
    bits = rounded.view(torch.int16).numpy().astype("<i2").tobytes()
    number.CopyFrom(helper.make_tensor(number.name, TensorProto.BFLOAT16, number.dims, bits, raw=True))


def in_eight_bits(model: Any, inputs: Sequence[Inputs]) -> Any:
    """Return a backbone that multiplies 8-bit integers.

    Weights have a scale for each output channel, what flows between layers one for each tensor, from the range that it
    takes on the images.

    Args:
        model: the backbone.
        inputs: preprocessed images to calibrate on, float32 `[1, 3, h, w]` each.

    Raises:
        ConfigError: there are no images.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not inputs:
        raise ConfigError("int8 takes images to calibrate on: give a folder of them with --calibrate")
    name = model.graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inputs: Iterator[Inputs] = iter(inputs)

        def get_next(self) -> dict[str, Inputs] | None:
            return next(({name: each} for each in self._inputs), None)

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, quantised = (
            str(Path(folder) / file) for file in ("plain.onnx", "prepared.onnx", "int8.onnx")
        )
        onnx.save_model(model, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(quantised)
