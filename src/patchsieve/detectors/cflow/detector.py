"""CFLOW-AD: conditional normalizing flows on the features of a frozen backbone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import ClassVar, cast

import torch
from torch import nn

from patchsieve.detectors.cflow.flow import ConditionalFlow, import_freia
from patchsieve.detectors.cflow.positions import position_encoding
from patchsieve.detectors.trained import TrainedDetector, generator, seeded, split_images
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress

# Patches of the held-out images that an epoch is judged by, and that features are standardised by.
_JUDGED = 4096
# Batches that are read at a time, and patches that are scored at a time.
_READ = 16
_SCORED = 4096
# What is drawn once comes from parts of the seed that no epoch reaches.
_STANDARDISING, _JUDGING = 2**40, 2**40 + 1


@dataclass(kw_only=True, eq=False, repr=False)
class CFlow(TrainedDetector):
    """CFLOW-AD (Gudovskiy et al., WACV 2022, arXiv 2107.12571).

    For each layer of the backbone a conditional normalizing flow z = g(x; c) learns the density of the patches x,
    `[C_l]`, given their position, c: the two-dimensional sinusoidal encoding of row and column. It is trained by
    maximum likelihood, so that it maps normal patches to a standard normal distribution:

        log p(x) = log N(z; 0, I) + log |det dz/dx|          loss = -mean log p(x) / C_l

    A patch's log-likelihoods per channel a_l = log p_l(x) / C_l, less the largest m_l that held-out training images
    have, become probabilities exp(a_l - m_l) <= 1, which are added up over the layers. The paper's score is the largest
    such sum less the patch's own; this takes the logarithm of the same sum, which puts patches in the same order, and
    neither saturates nor needs the largest of the images under test:

        s(x) = -log( 1/L sum over layers of exp(min(a_l - m_l, 0)) )          >= 0

    An image's score is its largest patch score. All layers are on one grid here, deep ones brought to it bilinearly;
    in the paper each keeps its own.

    Attributes:
        patch_size: 1 as in the paper: features are not averaged over a neighbourhood.
        coupling_blocks: of each flow.
        clamp: alpha of the coupling; a block scales a channel by at most exp(alpha).
        position_channels: of the positional encoding, a multiple of 4.
        flows_: the trained flows, one per layer, with the m_l.
    """

    system: ClassVar[str] = "cflow"

    patch_size: int = 1
    coupling_blocks: int = 8
    clamp: float = 1.9
    position_channels: int = 128

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.coupling_blocks < 1:
            raise ConfigError(f"coupling_blocks is {self.coupling_blocks}: at least 1 is needed")
        if not 0 < self.clamp < float("inf"):
            raise ConfigError(f"clamp is {self.clamp}: it must be above 0; the paper has 1.9")
        if self.position_channels < 4 or self.position_channels % 4:
            raise ConfigError(
                f"position_channels is {self.position_channels}: it must be a multiple of 4, for sine and cosine of "
                "row and column"
            )
        import_freia()

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        trained_on, held_out = split_images(len(features), self.validation_share, self.seed)
        with seeded(self.seed):
            flows = self._flows(features.layer_channels).to(features.device)
        _, height, width, _ = features.shape
        places = position_encoding(height, width, self.position_channels).to(features.device)
        lessons = _Lessons(
            flows, features.take(trained_on), features.take(held_out), places, self.training_batch, self.seed
        )
        self.train(flows, lessons, features, progress)
        flows.likeliest.copy_(lessons.largest_likelihoods())
        self.flows_ = flows

    @torch.inference_mode()
    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`."""
        batch, height, width, channels = features.shape
        places = position_encoding(height, width, self.position_channels).to(features.device)
        condition = places.repeat(batch, 1)
        patches = features.reshape(-1, channels)
        parts = zip(torch.split(patches, _SCORED), torch.split(condition, _SCORED), strict=True)
        scores = torch.cat([self.flows_.anomaly(part, place) for part, place in parts])
        patch_scores = scores.view(batch, height, width)
        return patch_scores.flatten(1).amax(dim=1), patch_scores

    def _flows(self, layer_channels: tuple[int, ...]) -> "LayerFlows":
        return LayerFlows(
            [
                ConditionalFlow(
                    channels, self.position_channels, blocks=self.coupling_blocks, clamp=self.clamp
                )
                for channels in layer_channels
            ]
        )

    def _state(self) -> dict[str, torch.Tensor]:
        weights = {f"flows.{name}": tensor for name, tensor in self.flows_.state_dict().items()}
        return {"layer_channels": torch.tensor(self.flows_.layer_channels), **weights}

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        # What is drawn while the flows are built is overwritten, and shall change nobody's random numbers.
        with seeded(self.seed):
            flows = self._flows(tuple(tensors["layer_channels"].tolist()))
        flows.load_state_dict(
            {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("flows.")}
        )
        self.flows_ = flows.to(device).eval().requires_grad_(False)


class LayerFlows(nn.Module):
    """One flow per layer, and how their likelihoods become a score.

    Args:
        flows: in the order of the layers.

    Attributes:
        layer_channels: of each layer.
        likeliest: m_l, float32 `[L]`.
    """

    likeliest: torch.Tensor

    def __init__(self, flows: list[ConditionalFlow]) -> None:
        super().__init__()
        self.layer_channels = tuple(len(flow.mean) for flow in flows)
        self.layers = nn.ModuleList(flows)
        self.register_buffer("likeliest", torch.zeros(len(flows)))

    def standardise(self, patches: torch.Tensor) -> None:
        """See `ConditionalFlow.standardise`; patches of all layers, float32 `[K, C]`."""
        for flow, part in self._parts(patches):
            flow.standardise(part)

    def forward(self, patches: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return a_l, the log-likelihoods per channel, float32 `[L, K]`, of patches `[K, C]` at places `[K, P]`."""
        return torch.stack([flow.log_likelihood(part, places) for flow, part in self._parts(patches)])

    def anomaly(self, patches: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the scores s(x), float32 `[K]`, of patches `[K, C]` at places `[K, P]`."""
        unlikely = (self.forward(patches, places) - self.likeliest[:, None]).clamp_max(0)
        return log(len(self.layers)) - unlikely.logsumexp(dim=0)

    def _parts(self, patches: torch.Tensor) -> Iterator[tuple[ConditionalFlow, torch.Tensor]]:
        parts = torch.split(patches, list(self.layer_channels), dim=1)
        return zip(cast("list[ConditionalFlow]", self.layers), parts, strict=True)


class _Lessons:
    """Patches at random, of any image and any position."""

    def __init__(
        self,
        flows: LayerFlows,
        features: PatchFeatures,
        held_out: PatchFeatures,
        places: torch.Tensor,
        batch: int,
        seed: int,
    ) -> None:
        self._flows = flows
        self._features = features
        self._places = places
        self._batch = batch
        flows.standardise(self._draw(features, _JUDGED, generator(seed, _STANDARDISING))[0])
        self._judged = self._draw(held_out, _JUDGED, generator(seed, _JUDGING))

    def losses(self, steps: int, random: torch.Generator) -> Iterator[torch.Tensor]:
        for first in range(0, steps, _READ):
            count = min(_READ, steps - first) * self._batch
            patches, places = self._draw(self._features, count, random)
            batches = zip(torch.split(patches, self._batch), torch.split(places, self._batch), strict=True)
            for part, place in batches:
                yield -self._flows(part, place).mean(dim=1).sum()

    def held_out_loss(self) -> float:
        return -float(self._judged_likelihoods().mean(dim=1).sum())

    @torch.inference_mode()
    def largest_likelihoods(self) -> torch.Tensor:
        """Return m_l, float32 `[L]`."""
        return self._judged_likelihoods().amax(dim=1)

    def _judged_likelihoods(self) -> torch.Tensor:
        return self._flows.forward(*self._judged)

    def _draw(
        self, features: PatchFeatures, count: int, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return patches float32 `[count, C]` and the encodings of their places `[count, P]`."""
        images, height, width, _ = features.shape
        indices = torch.randint(images * height * width, (count,), generator=random)
        return features.patches(indices), self._places[indices % (height * width)]
