"""The training loop: Adam, a learning rate that rises and falls, the best epoch kept, the end when nothing improves."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, inf, isfinite, pi
from typing import Protocol

import torch
from torch import nn

from patchsieve.detectors.trained.checkpoint import Checkpoint, Standing, Weights
from patchsieve.detectors.trained.randomness import generator
from patchsieve.errors import ConfigError
from patchsieve.progress import Progress, staged


class Lessons(Protocol):
    """What a network is trained on."""

    def losses(self, steps: int, random: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield the loss of each of `steps` steps, to be minimised, with its graph."""

    def held_out_loss(self) -> float:
        """Return the loss on images that are not trained on, always the same ones in the same way."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: at most.
        steps: of one epoch.
        learning_rate: of Adam at its highest; it rises linearly over the first epoch and then falls to zero along a
            cosine.
        patience: the training ends after so many epochs without a lower loss on the held-out images.
        seed: of what each epoch draws.
    """

    epochs: int
    steps: int
    learning_rate: float
    patience: int
    seed: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from the start of the training."""
        warm = min(1.0, (step + 1) / self.steps)
        return self.learning_rate * warm * 0.5 * (1 + cos(pi * step / (self.epochs * self.steps)))


def train(
    network: nn.Module,
    lessons: Lessons,
    schedule: Schedule,
    *,
    checkpoint: Checkpoint | None,
    progress: Progress,
    title: str,
) -> None:
    """Train a network, and leave it with the weights that were best on the held-out images.

    Args:
        network: changed in place.
        lessons: where the losses come from.
        schedule: how long and how fast.
        checkpoint: written after every epoch, and read to go on from; None for none.
        progress: shown one unit a step.
        title: of the stage of work.

    Raises:
        ConfigError: the loss is no longer a number.
        PatchSieveError: the checkpoint cannot be written.
    """
    optimiser = torch.optim.Adam([weight for weight in network.parameters() if weight.requires_grad])
    standing = checkpoint.read(network, optimiser) if checkpoint else None
    standing = standing or Standing(_copy(network), inf)
    with staged(progress, title, schedule.epochs * schedule.steps) as stage:
        stage.advance(standing.epochs * schedule.steps)
        while standing.epochs < schedule.epochs and standing.waited < schedule.patience:
            network.train()
            step = standing.epochs * schedule.steps
            random = generator(schedule.seed, standing.epochs)
            for loss in lessons.losses(schedule.steps, random):
                optimiser.param_groups[0]["lr"] = schedule.rate(step)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                step += 1
                stage.advance(1)
            network.eval()
            _judge(network, lessons, standing)
            if checkpoint:
                checkpoint.write(network, optimiser, standing)
    network.load_state_dict(standing.best)
    network.eval().requires_grad_(False)


@torch.no_grad()
def _judge(network: nn.Module, lessons: Lessons, standing: Standing) -> None:
    loss = lessons.held_out_loss()
    if not isfinite(loss):
        raise ConfigError(
            f"the training came apart in epoch {standing.epochs + 1}: its loss is {loss}; lower learning_rate"
        )
    standing.epochs += 1
    standing.waited += 1
    if loss < standing.loss:
        standing.best, standing.loss, standing.waited = _copy(network), loss, 0


def _copy(network: nn.Module) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
