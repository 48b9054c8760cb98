"""`patchsieve export`: write a model as a graph that runs without torch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from patchsieve.cli.console import say, size_in_words, warn
from patchsieve.cli.formats import Device
from patchsieve.errors import ConfigError


class Target(StrEnum):
    """What an exported model can be written for."""

    onnx = "onnx"
    openvino = "openvino"


class Precision(StrEnum):
    """What the exported backbone computes in."""

    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


def export(
    model_file: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file written by fit.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the exported model.")],
    to: Annotated[
        Target, typer.Option(help="What shall run it; ONNX files run on OpenVINO, too.")
    ] = Target.onnx,
    precision: Annotated[
        Precision, typer.Option(help="Of the backbone; bf16 is for OpenVINO.")
    ] = Precision.fp32,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="Images that int8 is calibrated on; without it, those that the model was fitted on."
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Write a model as one graph that runs without torch, and compare the two on training images."""
    from patchsieve.detectors import load
    from patchsieve.runtime.export import export_model

    if calibrate is not None and precision is not Precision.int8:
        raise ConfigError(f"--calibrate is for --precision int8; {precision} needs no images")
    done = export_model(
        load(model_file, device=device),
        out_dir,
        to=to,
        precision=precision,
        calibrate=calibrate,
        source=model_file,
    )
    say(f"exported: {done.folder} ({size_in_words(done.size)})")
    if done.parity.same:
        say(done.parity.in_words)
    for note in done.notes:
        warn(note)
