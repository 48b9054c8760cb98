"""The training loop on a network of one number, where all that should happen can be told beforehand."""

from collections.abc import Iterator
from math import cos, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from patchsieve.detectors.trained import Checkpoint, Schedule, generator, seeded, split_images, train
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.progress import SILENT, Stage


class Number(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


class Towards:
    """Pull the number towards `goal`; judge it by its distance to `judge`."""

    def __init__(self, network: Number, goal: float, judge: float, *, noise: float = 0.0) -> None:
        self.network, self.goal, self.judge, self.noise = network, goal, judge, noise
        self.values: list[float] = []
        self.interrupt_after: int | None = None

    def losses(self, steps: int, random: torch.Generator) -> Iterator[torch.Tensor]:
        for _ in range(steps):
            if self.interrupt_after is not None and len(self.values) == self.interrupt_after:
                raise KeyboardInterrupt
            self.values.append(self.network.value.item())
            noise = self.noise * torch.randn((), generator=random)
            yield (self.network.value - self.goal + noise).square()

    def held_out_loss(self) -> float:
        return abs(self.network.value.item() - self.judge)


class Counting:
    def __init__(self) -> None:
        self.total = self.done = 0

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        self.total = total
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self.done += amount


def schedule(**settings: float) -> Schedule:
    standard = {"epochs": 10, "steps": 20, "learning_rate": 0.1, "patience": 3, "seed": 5}
    return Schedule(**{**standard, **settings})  # type: ignore[arg-type]


def test_it_minimises_and_says_every_step() -> None:
    network = Number(0.0)
    lessons, progress = Towards(network, 2.0, 2.0), Counting()
    train(network, lessons, schedule(), checkpoint=None, progress=progress, title="training")
    assert network.value.item() == pytest.approx(2.0, abs=0.05)
    assert progress.done == progress.total == len(lessons.values) == 200
    assert not network.value.requires_grad


def test_it_ends_when_nothing_improves_and_keeps_the_best() -> None:
    """The number runs past 1, which it is judged by, on its way to 10: what was best comes back."""
    network = Number(0.0)
    lessons = Towards(network, 10.0, 1.0)
    train(network, lessons, schedule(steps=10), checkpoint=None, progress=SILENT, title="training")
    after = [*lessons.values[10::10]]
    assert len(lessons.values) < 100
    assert abs(network.value.item() - 1) <= min(abs(value - 1) for value in after)
    assert lessons.values[-1] > 2


def test_a_loss_that_is_no_number_is_said() -> None:
    network = Number(0.0)
    lessons = Towards(network, float("nan"), 1.0)
    with pytest.raises(ConfigError, match="came apart in epoch 1: its loss is nan; lower learning_rate"):
        train(network, lessons, schedule(), checkpoint=None, progress=SILENT, title="training")


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [schedule().rate(step) for step in range(200)]
    assert rates[0] == pytest.approx(0.1 / 20)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[100] == pytest.approx(0.1 * 0.5 * (1 + cos(pi / 2)))
    assert rates[-1] < 1e-4


@pytest.mark.parametrize("interrupted_at", [0, 19, 20, 70, 199])
def test_an_interrupted_training_goes_on_with_the_same_result(interrupted_at: int, tmp_path: Path) -> None:
    whole, cut, again = Number(0.0), Number(0.0), Number(0.0)
    train(whole, Towards(whole, 2.0, 2.0, noise=1.0), schedule(), checkpoint=None, progress=SILENT, title="")
    checkpoint = Checkpoint(tmp_path / "a folder" / "training.safetensors")
    lessons = Towards(cut, 2.0, 2.0, noise=1.0)
    lessons.interrupt_after = interrupted_at
    with pytest.raises(KeyboardInterrupt):
        train(cut, lessons, schedule(), checkpoint=checkpoint, progress=SILENT, title="")
    lessons, progress = Towards(again, 2.0, 2.0, noise=1.0), Counting()
    train(again, lessons, schedule(), checkpoint=checkpoint, progress=progress, title="")
    assert again.value.item() == whole.value.item()
    assert progress.done == progress.total
    assert len(lessons.values) == 200 - interrupted_at // 20 * 20


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "training.safetensors")
    first, second = Number(0.0), Number(0.0)
    for network, steps in ((first, 40), (second, 0)):
        lessons = Towards(network, 10.0, -1.0)
        train(network, lessons, schedule(patience=1), checkpoint=checkpoint, progress=SILENT, title="")
        assert len(lessons.values) == steps
    assert first.value.item() == second.value.item()


def test_a_damaged_checkpoint_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "training.safetensors").write_bytes(b"half a file")
    network = Number(0.0)
    lessons = Towards(network, 2.0, 2.0)
    checkpoint = Checkpoint(tmp_path / "training.safetensors")
    train(network, lessons, schedule(), checkpoint=checkpoint, progress=SILENT, title="")
    assert len(lessons.values) == 200


def test_nobody_elses_random_numbers_are_touched() -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(3)
    np.random.seed(3)
    with seeded(9):
        one = torch.rand(3), np.random.rand(3)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    with seeded(9):
        assert torch.equal(torch.rand(3), one[0])
        assert np.array_equal(np.random.rand(3), one[1])


def test_seed_and_part_decide_what_is_drawn() -> None:
    draws = [torch.rand(4, generator=generator(*at)) for at in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[3])


@pytest.mark.parametrize(
    ("images", "share", "held_out"), [(100, 0.1, 10), (2, 0.1, 1), (2, 0.9, 1), (10, 0.99, 9)]
)
def test_images_are_held_out_and_all_are_used(images: int, share: float, held_out: int) -> None:
    trained_on, judged = split_images(images, share, seed=4)
    assert len(judged) == held_out
    assert sorted([*trained_on, *judged]) == list(range(images))


def test_one_image_cannot_be_split() -> None:
    with pytest.raises(ImagesError, match="1 training image is too few"):
        split_images(1, 0.1, seed=0)
