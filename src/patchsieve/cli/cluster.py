"""A Ray cluster in the place of this machine: the options for it, and joining it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from patchsieve.cli.console import say
from patchsieve.cli.formats import Engine

WorkEngine = Annotated[
    Engine, typer.Option("--engine", help="local, or ray to work on a Ray cluster; see the manual.")
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="Of the Ray cluster, host:port or auto; default: one of this machine."),
]


def require_fitting(engine: Engine, address: str | None, *, cache: Path | None = None) -> None:
    """Raise `typer.BadParameter` for options that belong to another engine."""
    if engine is not Engine.ray and address is not None:
        raise typer.BadParameter(
            "only a cluster has an address: give --engine ray, too", param_hint="--address"
        )
    if engine is Engine.ray and cache is not None:
        raise typer.BadParameter(
            "a cluster keeps embeddings in its own memory: leave out --cache", param_hint="--cache"
        )


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Work with the cluster at this address, None for one of this machine, and say how large it is."""
    from patchsieve import scaleout

    with scaleout.connected(address):
        say(f"cluster  {scaleout.processors()} processors")
        yield
