"""From a fitted detector to the folder of an exported model, written whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from patchsieve.decisions import review_band
from patchsieve.detectors import Detector
from patchsieve.errors import ConfigError, MissingPackageError, PatchSieveError
from patchsieve.features import FeatureExtractor, extractor_from_identity, identity
from patchsieve.images import ImageSet, decode, read_images
from patchsieve.pictures import colour_scale
from patchsieve.runtime.engines import ONNX_RUNTIME, OPENVINO, start_engine
from patchsieve.runtime.export.assembling import Change, assembled, require_exportable
from patchsieve.runtime.export.graph import OPSET
from patchsieve.runtime.export.parity import Parity, comparable
from patchsieve.runtime.export.quantising import (
    BF16,
    FP16,
    FP32,
    PRECISIONS,
    in_bfloat16,
    in_eight_bits,
    in_half_precision,
)
from patchsieve.runtime.exported import ExportedModel
from patchsieve.runtime.metadata import METADATA, Band, Metadata, hash_file

FORMATS = ("onnx", "openvino")
# Shares of good images for which the bounds of a review are kept; others take the model itself.
_SHARES = ("interval", "0.01", "0.02", "0.05", "0.1", "0.2")
_GRAPHS = {"onnx": "model.onnx", "openvino": "model.xml"}
_NUMBERS = {"onnx": "model.onnx.data", "openvino": "model.bin"}
_CALIBRATED_ON = 32


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        size: bytes of all files.
        parity: how it compares with the model.
        notes: what a person should know of it, in sentences.
    """

    folder: Path
    size: int
    parity: Parity
    notes: tuple[str, ...]


def export_model(
    model: Detector,
    folder: Path | str,
    *,
    to: str = "onnx",
    precision: str = FP32,
    calibrate: Any = None,
    source: Path | None = None,
) -> Exported:
    """Write a model as a graph that runs without torch, and compare the two on training images.

    Args:
        model: fitted.
        folder: to be made; one that an earlier export wrote is replaced.
        to: one of `FORMATS`.
        precision: of the backbone: ``fp32``, ``fp16``, ``bf16``, for OpenVINO only, or ``int8``; all else is fp32.
        calibrate: images that int8 is calibrated on; None for training images.
        source: the model's file, to be named in the metadata.

    Raises:
        ConfigError: the model has no graph, or the graph does not say what the model says; nothing is written.
        MissingPackageError: what writes graphs is not installed.
        PatchSieveError: the folder cannot be written.
    """
    folder = Path(folder)
    if to not in FORMATS:
        raise ConfigError(f"there is no format {to!r} to export to; choose one of {', '.join(FORMATS)}")
    if precision not in PRECISIONS:
        raise ConfigError(f"the precision cannot be {precision!r}; choose one of {', '.join(PRECISIONS)}")
    if precision == BF16 and to == "onnx":
        raise ConfigError(
            "ONNX Runtime does not compute in bf16 on processors: export --to openvino, or in int8"
        )
    require_exportable(model)
    _require_replaceable(folder)
    extractor, notes = _extractor(model, PRECISIONS[precision])
    with _said_what_is_missing(), _replacing(folder) as temporary:
        graph = assembled(model, extractor, _change(model, extractor, precision, calibrate))
        _write_graph(graph, temporary, to)
        engine = start_engine(temporary / _GRAPHS[to], ONNX_RUNTIME if to == "onnx" else OPENVINO)
        metadata = _metadata(model, temporary, to, precision, source)
        parity = Parity.measured(model, ExportedModel(metadata, engine))
        parity.require(exact=precision == FP32 and not notes)
        if not parity.same:
            notes.append(f"it does not score quite as the model does: {parity.in_words}")
        about = {**metadata.about, "parity": parity.header(), "notes": notes}
        replace(metadata, about=about).write(temporary)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Exported(folder, size, parity, tuple(notes))


def _extractor(model: Detector, computes_in: str) -> tuple[FeatureExtractor, list[str]]:
    """Return an extractor on the CPU in float32, and what is different in a graph that computes in another type."""
    notes = []
    own = identity(model.extractor_)
    if own["precision"] not in ("float32", computes_in):
        notes.append(f"the model computes its backbone in {own['precision']}, the graph in {computes_in}")
    own = {**own, "precision": "float32"}
    index = getattr(model, "index", "exact")
    if index != "exact":
        notes.append(f"the model searches with {index}, the graph exactly")
    if own["precision"] == model.extractor_.backbone.precision and model.extractor_.device.type == "cpu":
        return model.extractor_, notes
    return extractor_from_identity(own, device="cpu", batch_size=model.batch_size), notes


def _change(model: Detector, extractor: FeatureExtractor, precision: str, calibrate: Any) -> Change:
    """Return what brings the backbone to a precision."""
    if precision == FP32:
        return lambda backbone: backbone
    if precision == FP16:
        return in_half_precision
    if precision == BF16:
        return in_bfloat16
    images: ImageSet = comparable(model, _CALIBRATED_ON) if calibrate is None else read_images(calibrate)
    inputs = []
    for record in list(images)[:_CALIBRATED_ON]:
        prepared = extractor.preprocessing(decode(record))[None]
        pieces = [prepared] if extractor.tiling is None else torch.split(extractor.tiling.cut(prepared), 1)
        inputs += [piece.numpy() for piece in pieces]
    return lambda backbone: in_eight_bits(backbone, inputs)


def _write_graph(graph: Any, folder: Path, to: str) -> None:
    import onnx

    # Numbers stand in a file of their own: a graph's file ends at 2 GB.
    target = folder / _GRAPHS["onnx"]
    onnx.save_model(
        graph, str(target), save_as_external_data=True, location=_NUMBERS["onnx"], size_threshold=1024
    )
    if to == "onnx":
        return
    import openvino

    converted = openvino.Core().read_model(str(target))
    openvino.save_model(converted, str(folder / _GRAPHS[to]), compress_to_fp16=False)
    target.unlink()
    (folder / _NUMBERS["onnx"]).unlink()


def _metadata(model: Detector, folder: Path, to: str, precision: str, source: Path | None) -> Metadata:
    scale = colour_scale(model)
    packages = ("patchsieve", "torch", "onnx", "onnxruntime") + (("openvino",) if to == "openvino" else ())
    about = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in packages},
        "source": None if source is None else {"file": source.name, "sha256": hash_file(source)},
        "backbone": model.extractor_.backbone.name,
        "layers": list(model.extractor_.backbone.layers),
        "weights_sha256": model.extractor_.backbone.weights_hash,
    }
    return Metadata(
        graph=_GRAPHS[to],
        files={name: hash_file(folder / name) for name in (_GRAPHS[to], _NUMBERS[to])},
        preprocessing=model.extractor_.preprocessing,
        operating_points=model.operating_points_,
        pixel_threshold=model.pixel_threshold_,
        review={point.name: _bands(model, point.threshold) for point in model.operating_points_},
        colour_scale=(scale.low, scale.high),
        detector=model.system,
        precision=precision,
        opset=OPSET,
        about=about,
    )


def _bands(model: Detector, threshold: float) -> dict[str, Band]:
    training = model.training_
    return {share: review_band(training.scores, threshold, share, training.set_aside) for share in _SHARES}


def _require_replaceable(folder: Path) -> None:
    """Raise `PatchSieveError` where an export may not replace what is there."""
    if not folder.exists() or (folder / METADATA).is_file():
        return
    if not folder.is_dir():
        raise PatchSieveError(f"cannot write {folder}: it is a file; name a folder")
    if any(folder.iterdir()):
        raise PatchSieveError(
            f"cannot write {folder}: it holds other files; name a new folder, or an earlier export"
        )


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` that takes its place in the end, or goes."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise PatchSieveError(f"cannot write {folder}: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.iterdir():
            file.chmod(0o644)
        if folder.exists():
            old = temporary.with_suffix(".old")
            folder.replace(old)
            temporary.replace(folder)
            shutil.rmtree(old)
        else:
            temporary.replace(folder)
    except OSError as error:
        raise PatchSieveError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _said_what_is_missing() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = MissingPackageError.of(error)
        if missing is None:
            raise
        raise missing from error
