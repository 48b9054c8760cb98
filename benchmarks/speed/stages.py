"""Seconds of each stage of a fit, by listening to its progress."""

from dataclasses import dataclass, field
from time import perf_counter

from patchsieve.progress import Stage


@dataclass
class _Running:
    title: str
    started: float

    def advance(self, amount: int = 1) -> None:
        pass


@dataclass
class StageTimes:
    """A `Progress` that keeps the seconds of every stage, stages of one title together."""

    seconds: dict[str, float] = field(default_factory=dict)

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return _Running(title.split(" of shard")[0], perf_counter())

    def end(self, stage: Stage) -> None:
        assert isinstance(stage, _Running)
        took = perf_counter() - stage.started
        self.seconds[stage.title] = self.seconds.get(stage.title, 0.0) + took
