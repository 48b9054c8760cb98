"""`patchsieve bench`: detectors beside each other on labelled images, with noise on purpose."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from patchsieve.cli import bench_options, settings
from patchsieve.cli.cluster import Address, WorkEngine, joined, require_fitting
from patchsieve.cli.console import out, progress_bars, say, warn
from patchsieve.cli.formats import Engine, Layout
from patchsieve.files import require_writable

if TYPE_CHECKING:
    from patchsieve.evaluation.bench import Bench, BenchPreset, Cell, CellResult
    from patchsieve.evaluation.bench import Engine as BenchEngine
    from patchsieve.pictures.bench import BenchFigure
    from patchsieve.progress import Progress

RESULTS = "results.sqlite"
COSTS = ("fit_seconds", "image_ms", "file_mib")
# The figures that are printed; all others are in the report.
SHOWN = ("image_auroc", "pixel_auroc", "recall", "false_alarm_rate", "suspects_precision_at_n", *COSTS)


def _tell_presets(wanted: bool) -> None:
    if wanted:
        from patchsieve.evaluation.bench import BENCH_PRESETS

        for name, preset in BENCH_PRESETS.items():
            typer.echo(f"{name}: {preset.repeats}")
        raise typer.Exit


def bench(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...", help="Labelled images: a category's folder, or one that holds several."
        ),
    ],
    out_dir: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for results, manifests and report; a stopped bench goes on there."
        ),
    ] = Path("bench"),
    detectors: Annotated[
        str | None,
        typer.Option(help="Names by commas; default adaptive,softpatch,patchcore,padim."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A table of the papers or an ablation; --list-presets names them.")
    ] = None,
    noise: Annotated[str | None, typer.Option(help="Noise rates by commas; default 0,0.1.")] = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            help="By commas: none, same, gaussian_noise, noise_and_blur, rotation, affine; default none,same."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of draws of each condition; default 3.")
    ] = None,
    vary: Annotated[
        str | None, typer.Option(metavar="NAME=V1,V2", help="A setting to vary, such as tau=0.05,0.15,0.25.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting for all detectors that have it."),
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="For all detectors; as in fit.")] = None,
    categories: Annotated[str | None, typer.Option(help="Only these, by commas.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Experiments side by side.")] = 1,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Find thresholds and suspects too; takes longer than all the rest.",
        ),
    ] = True,
    too_few: Annotated[
        str, typer.Option(help="Where defective images do not suffice for a rate: refuse, repeat or lower.")
    ] = "refuse",
    test_share: Annotated[
        float, typer.Option(help="Share of good images kept for judging where there is no split.")
    ] = 0.25,
    manifests: Annotated[
        Path | None, typer.Option(help="Folder of noise manifests to follow, as another bench wrote them.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps embeddings for other benches and fits.")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Categories whose bank, noise and worst images the report shows.")
    ] = 1,
    layout: Layout = "auto",
    engine: WorkEngine = Engine.local,
    address: Address = None,
    list_presets: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--list-presets", help="Print the presets and exit.", callback=_tell_presets, is_eager=True
        ),
    ] = False,
) -> None:
    """Run every detector in every condition on every category, and report it in tables and figures."""
    from patchsieve.evaluation.bench import Bench, BenchPlan, ResultStore, Running

    chosen = bench_options.chosen_preset(preset)
    plan = BenchPlan(
        bench_options.found_categories(data, layout, categories),
        bench_options.chosen_systems(detectors, chosen, backbone, settings.assigned(assignments or []), vary),
        bench_options.chosen_conditions(noise, overlap, seeds, chosen),
    )
    require_fitting(engine, address, cache=cache)
    if engine is Engine.ray and workers > 1:
        raise typer.BadParameter(
            "a cluster has workers of its own, one for each processor: leave out --workers",
            param_hint="--workers",
        )
    require_writable(out_dir / RESULTS)
    embeddings = cache or out_dir / ".embeddings"
    running = Running(
        cache=embeddings,
        manifests=out_dir / "manifests",
        given=manifests,
        calibrate=calibrate,
        too_few=bench_options.chosen_too_few(too_few),
        test_share=test_share,
    )
    work = Bench(plan, running, ResultStore(out_dir / RESULTS))
    with _running_on(engine, address, workers) as place:
        run_and_report(work, out_dir, chosen, engine=place, examples=examples)
    if cache is None:
        # Some hundred megabytes that nobody asked to keep; the results stay.
        shutil.rmtree(embeddings, ignore_errors=True)


@contextmanager
def _running_on(engine: Engine, address: str | None, workers: int) -> "Iterator[BenchEngine]":
    """Return what runs the experiments: processes of this machine, or the cluster at an address."""
    if engine is Engine.ray:
        with joined(address):
            from patchsieve.scaleout import bench_on_cluster

            yield bench_on_cluster
        return
    from patchsieve.evaluation.bench import side_by_side

    yield side_by_side(workers)


def run_and_report(
    work: "Bench", out_dir: Path, preset: "BenchPreset | None", *, engine: "BenchEngine", examples: int
) -> None:
    """Run what is missing, telling the user what happens, and report all there is.

    Raises:
        typer.Exit: with status 1, where experiments failed.
    """
    from patchsieve.evaluation.bench import auroc_certainty
    from patchsieve.pictures.bench import published_table, write_bench_report

    todo = sum(len(share.cells) for share in work.missing())
    total = len(work.plan.all_cells)
    say(f"{total} experiments, {total - todo} of them done before; stopped, the same command goes on")
    with progress_bars() as progress:
        for result in work.run(engine=engine, progress=progress):
            if result.failure is not None:
                warn(f"{_cell_in_words(result.cell)}: {result.failure}")
        for cell, note in work.remarks():
            warn(f"{_noise_in_words(cell)}: {note}")
        results = work.results()
        pictures = list(_examples(work, results, examples, progress))
    _show(results)
    published = [published_table(results, name) for name in (preset.published if preset else ())]
    page = write_bench_report(
        results,
        out_dir,
        title=f"PatchSieve bench: {out_dir.resolve().name}" if preset is None else preset.repeats,
        certain=auroc_certainty(results),
        tables=[table for table in published if table is not None],
        examples=pictures,
    )
    say(f"report: {page}")
    failed = sum(result.failure is not None for result in results)
    if failed:
        warn(f"{failed} of {total} experiments failed; the same command tries them again")
        raise typer.Exit(1)


def _examples(
    work: "Bench", results: "Sequence[CellResult]", count: int, progress: "Progress"
) -> "Iterator[BenchFigure]":
    """Yield pictures of the first system, for so many categories."""
    from patchsieve.pictures.bench import examples, shown_cells

    for cell in shown_cells(results, work.plan.systems[0])[:count]:
        fitted = work.example(cell, progress)
        noisy = {record.name for record in fitted.training.images if record.defective}
        yield from examples(
            fitted.model,
            fitted.training,
            noisy,
            fitted.result,
            fitted.test,
            title=_cell_in_words(cell),
            name=f"{cell.category}-{cell.system.name}",
        )


def _cell_in_words(cell: "Cell") -> str:
    return f"{cell.system.name}, {_noise_in_words(cell)}"


def _noise_in_words(cell: "Cell") -> str:
    from patchsieve.pictures.bench import condition_words

    condition = cell.condition
    return f"{cell.category}, {condition_words(condition.noise, condition.overlap)}, seed {condition.seed}"


def _show(results: "Sequence[CellResult]") -> None:
    """Print one row for each system and condition, means over seeds and categories."""
    from patchsieve.evaluation.bench import METRICS, summaries

    rows = summaries(results, SHOWN)
    columns = [name for name in SHOWN if any(row.means[name] is not None for row in rows)]
    headings = ("data", "detector", "noise", "overlap", *(METRICS[name] for name in columns))
    lines = [
        (
            row.dataset,
            row.system,
            f"{row.noise:g}",
            row.overlap if row.noise else "-",
            # How much a time differs between seeds says what else the machine had to do.
            *(_figure(row.means[name], None if name in COSTS else row.spreads[name]) for name in columns),
        )
        for row in rows
    ]
    table = Table(box=None, pad_edge=False)
    for heading, *cells in zip(headings, *lines, strict=True):
        # Names and figures cut short would say nothing; where they do not fit, headings are broken.
        table.add_column(heading, min_width=max(map(len, [*heading.split(), *cells])))
    for line in lines:
        table.add_row(*line)
    out.print(table)


def _figure(mean: float | None, spread: float | None) -> str:
    if mean is None:
        return "-"
    if mean > 1:
        return f"{mean:.3g}"
    return f"{mean:.3f}" if spread is None else f"{mean:.3f} ±{spread:.3f}"
