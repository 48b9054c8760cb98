"""The commands."""

from typing import Annotated

import typer

from patchsieve.cli.bench import bench
from patchsieve.cli.check import check
from patchsieve.cli.course import course
from patchsieve.cli.demo import demo
from patchsieve.cli.drift import drift
from patchsieve.cli.evaluate import evaluate
from patchsieve.cli.export import export
from patchsieve.cli.fit import fit
from patchsieve.cli.pixel_threshold import pixel_threshold
from patchsieve.cli.predict import predict
from patchsieve.cli.refit import refit
from patchsieve.cli.serve import serve
from patchsieve.cli.suspects import suspects
from patchsieve.cli.threshold import threshold
from patchsieve.cli.update import update
from patchsieve.cli.users import users
from patchsieve.cli.watch import watch

app = typer.Typer(
    help="Learn what normal looks like from images nobody has cleaned, then find and outline defects.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("patchsieve"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


for command in (
    check,
    fit,
    predict,
    watch,
    suspects,
    refit,
    threshold,
    pixel_threshold,
    evaluate,
    update,
    export,
    serve,
    drift,
    bench,
    course,
    demo,
):
    app.command()(command)

app.add_typer(users, name="users")
