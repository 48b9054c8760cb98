"""How long the stages of a fit take, and in how many steps they are done."""

from dataclasses import dataclass, field
from time import perf_counter


@dataclass
class Stage:
    """One stage: its seconds, and how often it told of progress."""

    title: str
    began: float
    seconds: float = 0.0
    steps: int = 0

    def advance(self, amount: int = 1) -> None:  # noqa: ARG002 - `Stage`'s
        self.steps += 1


@dataclass
class Stages:
    """Progress that keeps the time."""

    all: list[Stage] = field(default_factory=list)

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002 - `Progress`'s
        self.all.append(Stage(title, perf_counter()))
        return self.all[-1]

    def end(self, stage: Stage) -> None:
        stage.seconds = perf_counter() - stage.began
