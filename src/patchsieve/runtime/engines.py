"""What runs a graph: ONNX Runtime or OpenVINO, behind one small interface."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError, MissingPackageError, ModelFileError
from patchsieve.images import Pixels

AUTO, ONNX_RUNTIME, OPENVINO = "auto", "onnxruntime", "openvino"
ENGINES = (AUTO, ONNX_RUNTIME, OPENVINO)

Floats = npt.NDArray[np.float32]


class Engine(Protocol):
    """Runs one graph.

    Attributes:
        name: ``onnxruntime`` or ``openvino``.
    """

    name: str

    def run(self, images: Pixels) -> tuple[Floats, Floats]:
        """Return scores float32 `[B]` and maps float32 `[B, h, w]` of uint8 RGB `[B, H, W, 3]`."""


def start_engine(
    graph: Path, engine: str = AUTO, *, device: str = AUTO, threads: int | None = None
) -> Engine:
    """Load a graph.

    Args:
        graph: a ``.onnx`` file, or a ``.xml`` file of OpenVINO.
        engine: one of `ENGINES`; ``auto`` takes what is installed for the file, ONNX Runtime before OpenVINO.
        device: ``auto`` and ``cpu`` for the processor, ``cuda`` for a GPU through ONNX Runtime.
        threads: that it may use; None for as many as it likes.

    Raises:
        ConfigError: there is no such engine, or not for this file or device.
        MissingPackageError: it is not installed.
        ModelFileError: it cannot load the file.
    """
    if engine not in ENGINES:
        raise ConfigError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}")
    only_openvino = graph.suffix == ".xml"
    if engine == ONNX_RUNTIME and only_openvino:
        raise ConfigError(f"{graph} is in OpenVINO's format; run it there, or export again with --to onnx")
    if engine == AUTO:
        engine = OPENVINO if only_openvino or find_spec(ONNX_RUNTIME) is None else ONNX_RUNTIME
    start = _OpenVino if engine == OPENVINO else _OnnxRuntime
    try:
        return start(graph, device, threads)
    except ModuleNotFoundError as error:
        missing = MissingPackageError.of(error)
        if missing is None:
            raise
        raise missing from error


class _OnnxRuntime:
    name = ONNX_RUNTIME

    def __init__(self, graph: Path, device: str, threads: int | None) -> None:
        import onnxruntime

        providers = ["CPUExecutionProvider"]
        if device.startswith("cuda"):
            providers.insert(0, "CUDAExecutionProvider")
        elif device not in (AUTO, "cpu"):
            raise ConfigError(f"ONNX Runtime does not run on {device!r} here: use cpu, cuda or auto")
        if providers[0] not in onnxruntime.get_available_providers():
            raise ConfigError(
                f"this ONNX Runtime does not run on {device!r}: install onnxruntime-gpu, or use --device cpu"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(graph), options, providers=providers)
        except Exception as error:
            # ONNX Runtime's exceptions have no common public class.
            raise ModelFileError(f"ONNX Runtime cannot load {graph}: {_one_line(error)}") from error

    def run(self, images: Pixels) -> tuple[Floats, Floats]:
        scores, maps = self._session.run(["scores", "maps"], {"images": images})
        return scores, maps


class _OpenVino:
    name = OPENVINO

    def __init__(self, graph: Path, device: str, threads: int | None) -> None:
        import openvino

        if device not in (AUTO, "cpu"):
            raise ConfigError(f"OpenVINO runs on the processor here, not on {device!r}: use cpu or auto")
        # Where the processor has bfloat16, OpenVINO would round to it unasked, and scores would move.
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            compiled = openvino.Core().compile_model(str(graph), "CPU", settings)
        except RuntimeError as error:
            raise ModelFileError(f"OpenVINO cannot load {graph}: {_one_line(error)}") from error
        self._request = compiled.create_infer_request()

    def run(self, images: Pixels) -> tuple[Floats, Floats]:
        found = self._request.infer([images], share_inputs=True)
        # The request writes into the same memory next time.
        return np.array(found["scores"]), np.array(found["maps"])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
