"""A conditional normalizing flow: an invertible network that gives the likelihood of a vector at its place."""

from math import log, pi
from typing import Any

import torch
from torch import nn

from patchsieve.errors import ConfigError

# Beyond this many channels a random rotation takes long to draw, and FrEIA advises against it.
_MOST_ROTATED = 512
# Of the mean standard deviation: a channel that hardly varies shall not be blown up without bounds.
_LEAST_DEVIATION = 0.01


class ConditionalFlow(nn.Module):
    """Coupling blocks between the patches of one layer and a standard normal distribution, given their place.

    The features are standardised by channel first, as data-dependent initialisation of a flow does it; then each block
    is FrEIA's `AllInOneBlock` with a random rotation (a permutation above 512 channels), whose coupling
    coefficients come from a network with one hidden layer, which sees one half of the channels and the condition.

    Args:
        channels: of a patch, at least 2.
        condition: channels of the condition.
        blocks: how many coupling blocks.
        clamp: alpha; a block scales a channel by at most exp(alpha).

    Raises:
        ConfigError: FrEIA is not installed, or there is only one channel.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, channels: int, condition: int, *, blocks: int, clamp: float) -> None:
        super().__init__()
        framework, modules = import_freia()
        if channels < 2:
            raise ConfigError(
                "cflow needs layers of 2 or more channels: a flow couples one half to the other"
            )
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self._flow = framework.SequenceINN(channels)
        for _ in range(blocks):
            self._flow.append(
                modules.AllInOneBlock,
                cond=0,
                cond_shape=(condition,),
                subnet_constructor=_coefficients,
                affine_clamping=clamp,
                global_affine_type="SOFTPLUS",
                permute_soft=channels <= _MOST_ROTATED,
            )

    def standardise(self, patches: torch.Tensor) -> None:
        """Take mean and standard deviation of each channel from patches float32 `[K, C]`."""
        deviation = patches.std(dim=0, correction=0)
        least = (_LEAST_DEVIATION * deviation.mean()).clamp_min(torch.finfo(deviation.dtype).eps)
        self.mean.copy_(patches.mean(dim=0))
        self.deviation.copy_(deviation.clamp_min(least))

    def forward(self, patches: torch.Tensor, condition: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map patches float32 `[K, C]` under conditions `[K, P]` to latent vectors.

        Returns:
            z float32 `[K, C]` and log |det dz/dx| float32 `[K]`.
        """
        latent, log_det = self._flow((patches - self.mean) / self.deviation, [condition])
        return latent, log_det - self.deviation.log().sum()

    def log_likelihood(self, patches: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return the log-likelihood per channel, float32 `[K]`: (log N(z; 0, I) + log |det dz/dx|) / C."""
        latent, log_det = self.forward(patches, condition)
        channels = patches.shape[1]
        normal: torch.Tensor = -0.5 * (latent.square().sum(dim=1) + channels * log(2 * pi))
        return (normal + log_det) / channels


def import_freia() -> tuple[Any, Any]:
    """Return FrEIA's framework and modules. Raises `ConfigError` where it is not installed."""
    try:
        from FrEIA import framework, modules
    except ImportError as error:
        raise ConfigError(
            "cflow needs FrEIA for its coupling blocks: pip install 'patchsieve[cflow]'"
        ) from error
    return framework, modules


def _coefficients(seen: int, wanted: int) -> nn.Module:
    return nn.Sequential(nn.Linear(seen, 2 * seen), nn.ReLU(), nn.Linear(2 * seen, wanted))
