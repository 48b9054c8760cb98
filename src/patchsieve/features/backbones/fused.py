"""A convolution and the activation behind it in one pass over memory."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# oneDNN's operators that torch's own compiler calls; they are no part of torch's public interface.
_FUSED = torch._C._has_mkldnn and all(
    hasattr(namespace, name)
    for namespace, name in (
        (torch.ops.mkldnn, "_convolution_pointwise"),
        (torch._C._nn, "mkldnn_reorder_conv2d_weight"),
    )
)
_RELU6_BOUNDS = (0.0, 6.0)


class FusedConvolution(nn.Module):
    """A convolution, and ReLU6 if wanted, for inference only.

    On a CPU oneDNN bounds the values before it writes them, and weights lie as it reads them. Elsewhere, where torch
    has no oneDNN, and in a graph that is exported, the two follow each other. The difference is rounding.

    Args:
        convolution: in the type and memory layout to compute in.
        relu6: whether the activation follows.
    """

    def __init__(self, convolution: nn.Conv2d, *, relu6: bool) -> None:
        super().__init__()
        self._convolution = convolution
        self._relu6 = relu6
        # No buffer: such a tensor can neither be moved to a GPU nor be written into a graph or a file.
        self._packed = _packed(convolution)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made anew where it is sent to: another process, with Ray another machine."""
        return {**self.__dict__, "_packed": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pack the weights again."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._packed = _packed(self._convolution)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run `[B, C, h, w]`; the result is a new tensor."""
        if self._packed is None or images.device.type != "cpu" or torch.compiler.is_compiling():
            features: torch.Tensor = self._convolution(images)
            return functional.relu6(features, inplace=True) if self._relu6 else features
        plain = self._convolution
        fused: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            images,
            *self._packed,
            plain.bias,
            plain.padding,
            plain.stride,
            plain.dilation,
            plain.groups,
            "hardtanh" if self._relu6 else "none",
            _RELU6_BOUNDS if self._relu6 else (),
            "",
        )
        return fused


def _packed(convolution: nn.Conv2d) -> tuple[torch.Tensor] | None:
    """Return the weights as oneDNN reads them, None where torch has it not."""
    if not _FUSED:
        return None
    weight: torch.Tensor = torch._C._nn.mkldnn_reorder_conv2d_weight(
        convolution.weight.detach().cpu().to_mkldnn(),
        list(convolution.padding),
        list(convolution.stride),
        list(convolution.dilation),
        convolution.groups,
    )
    return (weight,)
