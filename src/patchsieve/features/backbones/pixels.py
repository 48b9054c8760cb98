"""The pixels themselves, for detectors that train networks of their own."""

from collections.abc import Sequence

import torch

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import Backbone, choose_layers, dtype_of, hash_tensors

PIXELS = "pixels"


class Pixels(Backbone):
    """No network: the one layer, ``pixels``, is the image in the model frame, its colours from -1 to 1.

    With a neighbourhood of 1 the patch features are `[N, h, w, 3]`, one patch a pixel.

    Args:
        layers: ``pixels``, or None.
        precision: ``float32``.

    Raises:
        BackboneError: there is no such layer, or another precision is asked for.
        ConfigError: there is no such precision.
    """

    name = PIXELS
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self, layers: Sequence[str] | None = None, *, precision: str = "float32") -> None:
        if dtype_of(precision) != torch.float32:
            raise BackboneError(f"{PIXELS} computes nothing that could be faster; use --precision float32")
        self.layers = choose_layers(PIXELS, layers, (PIXELS,), (PIXELS,))
        self.weights_hash = hash_tensors(())

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `Backbone`."""
        return [images]

    def to(self, device: torch.device) -> None:
        """See `Backbone`: there is nothing to move."""
