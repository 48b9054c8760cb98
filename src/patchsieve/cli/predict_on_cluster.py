"""`patchsieve predict --engine ray`: a prediction by the workers of a cluster, into a folder of Parquet files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from patchsieve.cli.cluster import joined
from patchsieve.cli.console import progress_bars, say
from patchsieve.cli.left_out import tell_left_out
from patchsieve.decisions.rows import SKIPPED


def predict_on_cluster(
    model_file: Path,
    paths: Sequence[str],
    out: str | None,
    address: str | None,
    unfit: Sequence[str],
    **how: Any,
) -> None:
    """Score with the workers of the cluster at this address, None for one of this machine, and say what came out.

    Args:
        model_file: the model.
        paths: the images.
        out: folder of the results.
        address: of the cluster.
        unfit: options that were given and that a cluster does not have.
        how: see `patchsieve.scaleout.predict_on_cluster`.
    """
    if unfit:
        raise typer.BadParameter(
            f"a cluster writes scores and verdicts, nothing else: leave out {', '.join(unfit)}",
            param_hint=unfit[0],
        )
    if out is None:
        raise typer.BadParameter("a cluster writes its results into a folder: give --out", param_hint="--out")
    from patchsieve import scaleout

    with joined(address), progress_bars() as progress:
        done = scaleout.predict_on_cluster(model_file, paths, out, progress=progress, **how)
    before = f", {done.before} of them from before" if done.before else ""
    say(f"{done.count} images are in {done.results}{before}")
    say(", ".join(f"{count} {verdict}" for verdict, count in sorted(done.verdicts.items())))
    tell_left_out(done.verdicts.get(SKIPPED, 0), done.count, done.left_out.count, done.left_out.first)
