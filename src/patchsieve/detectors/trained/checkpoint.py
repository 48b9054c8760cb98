"""A training under way, in a file: an interrupted one goes on at the last whole epoch, with the same result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from patchsieve.bank import read_container, write_container
from patchsieve.errors import ModelFileError, PatchSieveError

Weights = dict[str, torch.Tensor]


@dataclass
class Standing:
    """How far a training is.

    Attributes:
        best: the weights with the lowest loss on the held-out images so far.
        loss: that loss.
        epochs: epochs that are over.
        waited: epochs since the best one.
    """

    best: Weights
    loss: float
    epochs: int = 0
    waited: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training.

    Attributes:
        path: its place; the name should change with all that the training depends on.
    """

    path: Path

    def write(self, network: nn.Module, optimiser: torch.optim.Optimizer, standing: Standing) -> None:
        """Write all that is needed to go on, whole or not at all.

        Raises:
            PatchSieveError: the file cannot be written.
        """
        state = optimiser.state_dict()["state"]
        moments = {
            f"adam.{index}.{name}": torch.as_tensor(value)
            for index, values in state.items()
            for name, value in values.items()
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PatchSieveError(f"cannot use the folder {self.path.parent}: {error.strerror}") from error
        write_container(
            self.path,
            {**_named("network", network.state_dict()), **_named("best", standing.best), **moments},
            {"loss": standing.loss, "epochs": standing.epochs, "waited": standing.waited},
        )

    def read(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> Standing | None:
        """Bring network and optimiser to where the training was; None where there is no whole file."""
        try:
            tensors, header = read_container(self.path)
        except ModelFileError:
            return None
        device = next(network.parameters()).device
        network.load_state_dict(_under("network", tensors))
        moments: dict[int, Weights] = {}
        for name, value in _under("adam", tensors).items():
            index, _, moment = name.partition(".")
            moments.setdefault(int(index), {})[moment] = value
        # Adam brings its moments to the device of the parameters itself.
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        best = {name: value.to(device) for name, value in _under("best", tensors).items()}
        return Standing(best, header["loss"], header["epochs"], header["waited"])


def _named(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Weights:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Weights:
    start = f"{prefix}."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}
