"""What the command line writes: results to standard output, everything else to standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from patchsieve.progress import Progress, Stage

# Names of files are printed as they are: [brackets] are no mark-up in them, and :colons: no emoji.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self.task = task

    def advance(self, amount: int = 1) -> None:
        self._bars.advance(self.task, amount)


class _RichProgress:
    """Shows stages as bars with the time they still take, measured on what is done of the same stage."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    def stage(self, title: str, total: int) -> Stage:
        return _Bar(self._bars, self._bars.add_task(title, total=total))

    def end(self, stage: Stage) -> None:
        self._bars.stop_task(cast(_Bar, stage).task)


@contextmanager
def progress_bars(*, transient: bool = False) -> Iterator[Progress]:
    """Show the stages of a block's work on standard error; where that is no terminal, only how each ended.

    Args:
        transient: leave nothing behind, and where that is no terminal show nothing.
    """
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=transient,
        disable=transient and not err.is_terminal,
    )
    with bars:
        yield _RichProgress(bars)


def say(text: str) -> None:
    """Write a line for the person to standard error."""
    err.print(text)


def warn(text: str) -> None:
    """Write a warning to standard error."""
    err.print("warning:", style="yellow", end=" ")
    err.print(text)


def size_in_words(count: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def seconds_in_words(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def plain(value: Any) -> str:
    """Return a figure for a table, "-" where there is none."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
