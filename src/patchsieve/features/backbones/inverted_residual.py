"""EfficientNet's blocks for inference only: batch norms folded into the convolutions, images mirrored.

The weights were trained with TensorFlow's "same" padding, which at stride 2 pads an even side by more at its end
than at its beginning. PyTorch's convolutions pad both ends alike and leave unused what is too much at the end, so
that "same" padding takes a copy of the map. Mirrored top to bottom and left to right, images and kernels both,
the two are the same for odd kernels, strides 1 and 2 and images of any size, and nothing is copied.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from patchsieve.features.backbones.base import speed_up
from patchsieve.features.backbones.fused import FusedConvolution


class InvertedResidual(nn.Module):
    """An inverted residual block without squeeze and excitation, for mirrored images.

    Args:
        block: an `MBConvBlock` of `efficientnet_lite_pytorch` in evaluation mode.
        dtype: to compute in.

    References:
        Sandler et al. (2018), "MobileNetV2: inverted residuals and linear bottlenecks".
    """

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        super().__init__()
        settings = block._block_args
        layers = []
        if settings.expand_ratio != 1:
            layers += [mirrored(block._expand_conv, block._bn0, dtype, relu6=True)]
        layers += [mirrored(block._depthwise_conv, block._bn1, dtype, relu6=True)]
        layers += [mirrored(block._project_conv, block._bn2, dtype, relu6=False)]
        self._layers = nn.Sequential(*layers)
        same_shape = settings.stride == 1 and settings.input_filters == settings.output_filters
        self._residual = settings.id_skip and same_shape

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run `[B, C, h, w]`; the result is a new tensor."""
        features: torch.Tensor = self._layers(images)
        return features.add_(images) if self._residual else features


def mirrored(
    convolution: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype, *, relu6: bool
) -> FusedConvolution:
    """Return one layer that does to mirrored images what a "same" convolution, its batch norm and ReLU6 do."""
    folded = fuse_conv_bn_eval(convolution, norm)
    height, width = folded.kernel_size
    plain = nn.Conv2d(
        folded.in_channels,
        folded.out_channels,
        (height, width),
        stride=(folded.stride[0], folded.stride[1]),
        padding=(height // 2, width // 2),
        groups=folded.groups,
        # Weights follow: none need to be drawn.
        device="meta",
    )
    plain.load_state_dict({"weight": folded.weight.flip(2, 3), "bias": folded.bias}, assign=True)
    speed_up(plain.requires_grad_(False), dtype)
    return FusedConvolution(plain, relu6=relu6)
