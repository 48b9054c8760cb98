"""How long work tells anyone who listens how far it is: the library stays silent, the command line draws bars."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Stage(Protocol):
    """One stage of work under way."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more units of the stage's total are done."""


class Progress(Protocol):
    """Something that can show stages of work."""

    def stage(self, title: str, total: int) -> "Stage":
        """Begin a stage of `total` units and return what to advance."""

    def end(self, stage: "Stage") -> None:
        """Say that the stage is over, whether it came to its total or not."""


class _Silent:
    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        pass


SILENT: Progress = _Silent()


@contextmanager
def staged(progress: Progress, title: str, total: int) -> Iterator[Stage]:
    """Run a block as one stage that ends however the block ends."""
    stage = progress.stage(title, total)
    try:
        yield stage
    finally:
        progress.end(stage)
