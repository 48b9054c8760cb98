"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer

from patchsieve.images import LAYOUTS

# The names of all detectors. Not asked of the registry: help shall not wait for torch. A test holds the two together.
SYSTEMS = (
    "adaptive",
    "softpatch",
    "patchcore",
    "quality_softpatch",
    "padim",
    "spade",
    "cflow",
    "patch_svdd",
    "denoised",
    "ensemble",
)
DETECTOR_HELP = f"One of {', '.join(SYSTEMS)}; default adaptive; softpatch if settings of it alone are given."

Layout = Annotated[
    str,
    typer.Option(
        "--layout", help=f"Layout of the images: auto, {', '.join(layout.name for layout in LAYOUTS)}."
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at the first image that cannot be decoded instead of skipping it."),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ... or auto.")]


class ReportFormat(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"


class RowsFormat(StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"


class CacheType(StrEnum):
    """How a cache keeps numbers."""

    float32 = "float32"
    float16 = "float16"


class Engine(StrEnum):
    """Where work is done."""

    local = "local"
    ray = "ray"


class MapsFormat(StrEnum):
    """How raw anomaly maps are written."""

    npy = "npy"
    tiff = "tiff"


class EngineName(StrEnum):
    """What an exported model runs on."""

    auto = "auto"
    onnxruntime = "onnxruntime"
    openvino = "openvino"


class PredictEngine(StrEnum):
    """What a prediction is made by: what a model runs on here, or a cluster."""

    auto = "auto"
    onnxruntime = "onnxruntime"
    openvino = "openvino"
    ray = "ray"
