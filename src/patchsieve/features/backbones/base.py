"""What a backbone is, and helpers that all kinds of backbones share."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import nn

from patchsieve.errors import BackboneError, ConfigError
from patchsieve.images.preprocessing import IMAGENET_MEAN, IMAGENET_STD

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Backbone(ABC):
    """A frozen network that turns images into feature maps of chosen layers.

    Attributes:
        name: as the user writes it, e.g. ``efficientnet_lite0``.
        layers: the layers whose outputs are taken, shallow to deep.
        weights_hash: SHA-256 of the weights as published, hex: models made with other weights do not fit.
        precision: what the network computes in, a key of `PRECISIONS`; what goes in and comes out is float32.
        mean: per RGB channel, what the network was trained with, on the scale 0 to 1.
        std: likewise.
        input_size: (height, width) of the only images that it takes; None where it takes any.
        concurrent: whether several threads may run it at once, and should: what runs it does not do that itself.
    """

    name: str
    layers: tuple[str, ...]
    weights_hash: str
    precision: str = "float32"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    input_size: tuple[int, int] | None = None
    concurrent: bool = True

    @abstractmethod
    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Run float32 `[B, 3, h, w]`; return one float32 `[B, C_i, h_i, w_i]` per layer, in order of `layers`."""

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move the network to a device.

        Raises:
            BackboneError: this kind of backbone cannot run there.
        """


def dtype_of(precision: str) -> torch.dtype:
    """Return torch's name for a precision.

    Raises:
        ConfigError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"the precision cannot be {precision!r}; there are {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]


def speed_up(network: nn.Module, dtype: torch.dtype) -> None:
    """Bring a network to the precision it computes in and to the memory layout that convolutions like best."""
    network.to(dtype)
    # torch's type hints leave this argument out.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def hash_tensors(tensors: Iterable[tuple[str, torch.Tensor]]) -> str:
    """Return the SHA-256 of named tensors, independent of the file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def choose_layers(
    name: str, wanted: Sequence[str] | None, default: Sequence[str], known: Sequence[str]
) -> tuple[str, ...]:
    """Return the wanted layers (or the defaults) in network order.

    Raises:
        BackboneError: a wanted layer does not exist; the text lists those that do.
    """
    layers = tuple(wanted or default)
    unknown = [layer for layer in layers if layer not in known]
    if unknown:
        raise BackboneError(f"{name} has no layer {', '.join(map(repr, unknown))}; it has {', '.join(known)}")
    return tuple(sorted(set(layers), key=list(known).index))


def cannot_run(
    name: str, images: torch.Tensor, error: Exception, input_size: tuple[int, int] | None = None
) -> str:
    """Say that a network does not take these images `[B, 3, h, w]`, as many of them are made for one size."""
    batch, _, height, width = images.shape
    only = ""
    if input_size is not None and input_size != (height, width):
        only = f"; it takes {input_size[0]}x{input_size[1]} only, and larger images in tiles of that size"
    return (
        f"{name} cannot run on {batch} images of {height}x{width} pixels; "
        f"check image_size, crop and batch_size{only} ({one_line(error)})"
    )


def one_line(error: Exception) -> str:
    """Return the text of another library's error without its line breaks."""
    return " ".join(str(error).split())
