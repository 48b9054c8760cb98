"""Backbones by name: frozen networks that turn images `[B, 3, h, w]` into feature maps `[B, C, h', w']`."""

from collections.abc import Sequence
from pathlib import Path

import torch

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import Backbone, dtype_of
from patchsieve.features.backbones.efficientnet_lite import VARIANTS, EfficientNetLite
from patchsieve.features.backbones.onnx_graph import DINOV2, Dinov2, OnnxBackbone
from patchsieve.features.backbones.pixels import PIXELS, Pixels
from patchsieve.features.backbones.timm_hub import TimmBackbone

__all__ = ["Backbone", "make_backbone"]


def make_backbone(name: str, layers: Sequence[str] | None = None, *, precision: str = "float32") -> Backbone:
    """Return the backbone called `name`, with its weights loaded.

    Args:
        name: ``efficientnet_lite0``, ``efficientnet_lite1``, ``efficientnet_lite2``, ``dinov2_vits14``,
            ``timm:NAME``, ``timm:NAME@FILE``, ``timm:NAME@random``, ``onnx:FILE`` or ``pixels``.
        layers: names of layers, None for the backbone's default.
        precision: ``float32`` or ``bfloat16``, what the network computes in.

    Raises:
        BackboneError: there is none of that name, or it, its weights or a layer is not available here, or it
            cannot compute in this precision.
        ConfigError: there is no such precision.
    """
    if name in VARIANTS:
        return EfficientNetLite(name, layers, precision=precision)
    if name.startswith("timm:"):
        return TimmBackbone(name, layers, precision=precision)
    if name == PIXELS:
        return Pixels(layers, precision=precision)
    if name == DINOV2 or name.startswith("onnx:"):
        if dtype_of(precision) != torch.float32:
            raise BackboneError(
                f"{name} runs on ONNX Runtime, in the precision of its graph; use --precision float32"
            )
        return Dinov2(layers) if name == DINOV2 else OnnxBackbone(Path(name.removeprefix("onnx:")), layers)
    raise BackboneError(
        f"there is no backbone {name!r}; there are {', '.join(VARIANTS)}, {DINOV2}, timm:NAME, onnx:FILE "
        f"and {PIXELS}"
    )
