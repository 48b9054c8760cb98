"""The model file: one safetensors file with a JSON header. Written whole or not at all, checked on reading."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from patchsieve.errors import ModelFileError, PatchSieveError
from patchsieve.files import replacing

FORMAT_VERSION = 1
_KEY = "patchsieve"
_CHECKSUM = "sha256"

Header = dict[str, Any]


def write_container(path: Path | str, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able header as one file.

    The header stands as JSON text under the key ``patchsieve`` of the safetensors metadata, with the format
    version added and, last, the SHA-256 of all before it and of the tensors.

    Raises:
        ModelFileError: the file cannot be written; an older file of that name stays as it was.
    """
    # Copies: safetensors refuses tensors that share their memory.
    on_cpu = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    complete = {**header, "format": FORMAT_VERSION}
    # One metadata entry, not two: safetensors would write them in an order that changes from run to run.
    text = json.dumps({**complete, _CHECKSUM: _digest(complete, on_cpu)})
    try:
        with replacing(path) as temporary:
            try:
                save_file(on_cpu, temporary, metadata={_KEY: text})
            except SafetensorError as error:
                # safetensors wraps the system's error, a full disk for one, in a class of its own.
                raise ModelFileError(
                    f"cannot write {path}: {error}; nothing was left half-written"
                ) from error
    except ModelFileError:
        raise
    except PatchSieveError as error:
        raise ModelFileError(str(error)) from error


def read_container(path: Path | str) -> tuple[dict[str, torch.Tensor], Header]:
    """Read a file that `write_container` wrote.

    Returns:
        The tensors by name, on the CPU, and the header.

    Raises:
        ModelFileError: there is no such file, or it is cut short, damaged, of a newer version or not ours.
    """
    path = Path(path)
    try:
        # safetensors calls every file that it cannot open a missing one.
        path.open("rb").close()
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelFileError(f"cannot read the model file {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is not a whole model file (cut short, damaged or of another kind): {error}"
        ) from error
    header = _parse(path, metadata)
    if header.pop(_CHECKSUM, None) != _digest(header, tensors):
        raise ModelFileError(
            f"{path} is damaged: its content does not match its checksum; copy it again or refit"
        )
    return tensors, header


def _parse(path: Path, metadata: Mapping[str, str]) -> Header:
    try:
        header = json.loads(metadata[_KEY])
        version = int(header["format"])
    except (KeyError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path} is a safetensors file, but not a PatchSieve model, or a damaged one"
        ) from error
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has model format {version}; this PatchSieve reads up to {FORMAT_VERSION}: upgrade PatchSieve"
        )
    return dict(header)


def _digest(header: Header, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
