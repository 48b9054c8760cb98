"""Backbones by name: frozen networks that turn images `[B, 3, h, w]` into feature maps `[B, C, h', w']`."""

from collections.abc import Sequence
from pathlib import Path

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import Backbone
from patchsieve.features.backbones.efficientnet_lite import VARIANTS, EfficientNetLite
from patchsieve.features.backbones.onnx_graph import DINOV2, Dinov2, OnnxBackbone
from patchsieve.features.backbones.timm_hub import TimmBackbone

__all__ = ["Backbone", "make_backbone"]


def make_backbone(name: str, layers: Sequence[str] | None = None) -> Backbone:
    """Return the backbone called `name`, with its weights loaded.

    Args:
        name: ``efficientnet_lite0``, ``efficientnet_lite1``, ``efficientnet_lite2``, ``dinov2_vits14``,
            ``timm:NAME``, ``timm:NAME@FILE``, ``timm:NAME@random`` or ``onnx:FILE``.
        layers: names of layers, None for the backbone's default.

    Raises:
        BackboneError: there is none of that name, or it, its weights or a layer is not available here.
    """
    if name in VARIANTS:
        return EfficientNetLite(name, layers)
    if name == DINOV2:
        return Dinov2(layers)
    if name.startswith("timm:"):
        return TimmBackbone(name, layers)
    if name.startswith("onnx:"):
        return OnnxBackbone(Path(name.removeprefix("onnx:")), layers)
    raise BackboneError(
        f"there is no backbone {name!r}; there are {', '.join(VARIANTS)}, {DINOV2}, timm:NAME and onnx:FILE"
    )
