"""The coreset over shards on workers: the picks of one machine, also when a worker is lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import ray
import torch

from patchsieve.bank import CoresetChoice
from patchsieve.features import PatchFeatures
from patchsieve.progress import Stage
from patchsieve.scaleout import FeatureBlocks
from patchsieve.scaleout import features as store

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers")]

CHOICE = CoresetChoice(size=600, projection_dims=8, seed=3)


def features(images: int, channels: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(images, 16, 16, channels)).astype(np.float32))


def spread_out(data: torch.Tensor, size: int = 7) -> FeatureBlocks:
    parts = [part.numpy() for part in torch.split(data, size)]
    return FeatureBlocks([ray.put(part) for part in parts], list(map(len, parts)), tuple(data.shape[1:]))


@pytest.mark.parametrize("method", ["greedy", "composable"])
def test_the_picks_are_those_of_one_machine(method: str, die_once: Callable[[ModuleType, str], Path]) -> None:
    choice = replace(CHOICE, method=method)
    died = die_once(store, "_WORKED_PATCHES")
    data = features(50, 24)
    some = np.random.default_rng(2).permutation(50)[:40]
    candidates = torch.from_numpy(np.flatnonzero(np.random.default_rng(1).random(40 * 256) > 0.1))
    here = choice.select(PatchFeatures(data).take(some), candidates)
    there = choice.select(PatchFeatures(spread_out(data)).take(some), candidates)
    assert len(here) == 600
    assert torch.equal(there, here)
    # A shard of the composable one, too, may lose its worker.
    assert died.exists() == (method == "composable")


class Halfway:
    """Progress that does something once, when a stage is halfway through."""

    def __init__(self, action: Callable[[], bool]) -> None:
        self._action = action
        self.acted = False

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        self._left = total / 2
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self._left -= amount
        if self._left <= 0 and not self.acted:
            self.acted = self._action()


def test_a_shard_whose_worker_dies_goes_through_its_picks_again(kill: Callable[[str], bool]) -> None:
    data = features(40, 24)
    candidates = torch.arange(40 * 256)
    here = CHOICE.select(PatchFeatures(data), candidates)
    killing = Halfway(lambda: kill("_Keeper"))
    there = CHOICE.select(PatchFeatures(spread_out(data)), candidates, progress=killing)
    assert killing.acted
    assert torch.equal(there, here)
