"""`patchsieve fit`: from a folder nobody has sorted to a model file."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patchsieve.cli import settings
from patchsieve.cli.cluster import Address, WorkEngine, require_fitting
from patchsieve.cli.console import out, say, seconds_in_words, size_in_words, warn
from patchsieve.cli.fit_engines import fit_here, fit_on_cluster
from patchsieve.cli.formats import DETECTOR_HELP, CacheType, Device, Engine, Layout, Strict
from patchsieve.errors import ImagesError
from patchsieve.files import require_writable

if TYPE_CHECKING:
    from patchsieve.detectors import Detector
    from patchsieve.images import ImageSet

Folder = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Folder of images, in a known layout or in none.")
]
Out = Annotated[Path, typer.Option("--out", help="The model file to write.")]


def fit(
    folder: Folder = None,
    out_file: Out = Path("model.sieve"),
    detector: Annotated[str | None, typer.Option(help=DETECTOR_HELP)] = None,
    discriminator: Annotated[
        str | None, typer.Option(help="lof (default), nearest, gaussian, or mutual for parts that move.")
    ] = None,
    tau: Annotated[float | None, typer.Option(help="Share of patches to sieve out; default 0.15.")] = None,
    lof_k: Annotated[
        int | None, typer.Option(help="Neighbours of the local outlier factor; default 6.")
    ] = None,
    soft_weights: Annotated[
        bool | None, typer.Option("--soft-weights/--no-soft-weights", help="Weight scores by outlier scores.")
    ] = None,
    coreset: Annotated[
        str | None, typer.Option(help="greedy (default), composable, random, kmeans or minibatch_kmeans.")
    ] = None,
    coreset_ratio: Annotated[
        float | None, typer.Option(help="Share of patches in the bank; default 0.1.")
    ] = None,
    bank_size: Annotated[
        str | None, typer.Option(help="The most patches in the bank, or none; default 10000.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="efficientnet_lite0, dinov2_vits14, timm:NAME, onnx:FILE.")
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Names of layers, separated by commas.")] = None,
    image_size: Annotated[
        str | None, typer.Option(help="Pixels after resizing, 256 or HEIGHTxWIDTH, or native.")
    ] = None,
    crop: Annotated[str | None, typer.Option(help="Pixels of the centre crop, or none.")] = None,
    tile: Annotated[
        str | None,
        typer.Option(help="Look at images in tiles of so many pixels, in their own size unless told: 512."),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Pixels that neighbouring tiles have in common; default 64.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of the backbone: float32 (default) or bfloat16.")
    ] = None,
    false_alarms: Annotated[
        float | None, typer.Option(help="Share of good images that may raise an alarm; default 0.01.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random; default 0.")] = None,
    device: Device | None = None,
    memory_budget: Annotated[
        str | None, typer.Option(help="Memory the fit may take, such as 4GiB; default half of the machine's.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps embeddings for other fits of the same images.")
    ] = None,
    cache_dtype: Annotated[
        CacheType, typer.Option(help="How the cache keeps numbers; float16 takes half the space.")
    ] = CacheType.float32,
    preset: Annotated[
        str | None, typer.Option(help="paper, padim, padim-star or course-project; see the manual.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; flags and --set win over it.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any setting by its name, the value as in --config; may be given several times.",
        ),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings as YAML and exit.")
    ] = False,
    exclude: Annotated[Path | None, typer.Option(help="List of training images to leave out.")] = None,
    report: Annotated[Path | None, typer.Option(help="The HTML report; default: beside the model.")] = None,
    layout: Layout = "auto",
    strict: Strict = False,
    engine: WorkEngine = Engine.local,
    address: Address = None,
) -> None:
    """Learn what normal looks like and write a model file, and a report beside it."""
    flags = {
        "detector": detector,
        "discriminator": discriminator,
        "tau": tau,
        "lof_k": lof_k,
        "soft_weights": soft_weights,
        "coreset": coreset,
        "coreset_ratio": coreset_ratio,
        "backbone": backbone,
        "layers": None if layers is None else settings.layers(layers),
        "image_size": None if image_size is None else settings.image_size(image_size),
        "tile": None if tile is None else settings.size(tile),
        "tile_overlap": overlap,
        "precision": precision,
        "false_alarms": false_alarms,
        "seed": seed,
        "device": device,
        "memory_budget": None if memory_budget is None else settings.memory(memory_budget),
    }
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    # Apart from the others: none is None, which among the flags means not given.
    if crop is not None:
        given["crop"] = settings.crop(crop)
    if bank_size is not None:
        given["bank_size"] = settings.bank_size(bank_size)
    given = settings.joined(given, settings.assigned(assignments or []))
    chosen = settings.merged(given, config, preset)
    if overlap is not None and chosen.get("tile") is None:
        raise typer.BadParameter("only tiles overlap: give --tile, too", param_hint="--overlap")
    model = build_detector(chosen)
    if print_config:
        out.print(config_text(model), end="")
        return
    if folder is None:
        raise typer.BadParameter("name the folder of images to learn from", param_hint="DIR")
    require_writable(out_file)
    report = report or out_file.with_name(f"{out_file.stem}.html")
    if report == out_file:
        raise typer.BadParameter(
            f"{report} would be both the model and its report: name them apart", param_hint="--report"
        )
    require_writable(report)
    require_fitting(engine, address, cache=cache)
    fit_and_report(
        model,
        training_images(folder, layout, exclude),
        out_file,
        report,
        strict=strict,
        cache=cache,
        cache_dtype=cache_dtype.value,
        engine=engine,
        address=address,
    )


def build_detector(chosen: dict[str, Any]) -> "Detector":
    """Return the unfitted detector for these settings. Raises `ConfigError` where they cannot work."""
    from patchsieve.detectors import detector_meant, make_detector

    name = chosen.pop("detector", None) or detector_meant(chosen)
    return make_detector(str(name), chosen)


def config_text(model: "Detector") -> str:
    """Return all settings of an unfitted detector as YAML that `--config` takes."""
    import yaml

    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in model.get_params(deep=False).items()
    }
    return str(yaml.safe_dump({"detector": model.system, **plain}, sort_keys=False, default_flow_style=None))


def training_images(folder: Path, layout: str, exclude: Path | None) -> "ImageSet":
    """Return the images to learn from: the train part, less what the user left out."""
    from patchsieve.images import read_exclusions, read_images, without

    images = read_images(folder, layout).train
    if exclude is not None:
        images = without(images, read_exclusions(exclude))
        if not images:
            raise ImagesError(
                f"{exclude} excludes every training image of {folder}: nothing is left to learn from"
            )
    return images


def fit_and_report(
    model: "Detector",
    images: "ImageSet",
    out_file: Path,
    report: Path,
    *,
    strict: bool,
    cache: Path | None,
    cache_dtype: str,
    engine: Engine = Engine.local,
    address: str | None = None,
) -> None:
    """Fit, save and report, telling the user what happens.

    Embeddings that do not fit into memory wait beside the model, and so do networks that are being trained: a second
    start of the same command finds them if the first is interrupted; with the model they go, unless the user named
    a cache.
    """
    from patchsieve.pictures import NextStep, write_report
    from patchsieve.pictures.model_report import model_report

    started = perf_counter()
    if engine is Engine.ray:
        fit_on_cluster(model, images, address, strict=strict, dtype=cache_dtype)
        model.save(out_file)
    else:
        fit_here(model, images, out_file, strict=strict, cache=cache, cache_dtype=cache_dtype)
    took = seconds_in_words(perf_counter() - started)
    say(f"model: {out_file} ({size_in_words(out_file.stat().st_size)}), fitted in {took}")
    tell_training(model)
    root = images.root
    steps = (
        NextStep(
            "Look at the suspects below; mark in the list which are defective (drop) and which are good (keep), then "
            "patchsieve refit learns again without the defective ones.",
            f"patchsieve suspects {out_file} --csv marks.csv",
        ),
        NextStep("Score new images.", f"patchsieve predict {out_file} NEW_IMAGES --out results/"),
    )
    headline = (
        f"{type(model).__name__} learnt what is normal from {len(model.training_.images)} images in {root}."
    )
    write_report(
        model_report(model, title=f"{out_file.stem}: fitted", headline=headline, next_steps=steps), report
    )
    say(f"report: {report}")


def tell_training(model: "Detector") -> None:
    """Say what was skipped, what limits the model, and how many training images are suspect."""
    from patchsieve.images import EXCLUDED
    from patchsieve.pictures.model_report import model_warnings

    excluded = [skip for skip in model.training_.skipped if skip.reason.endswith(EXCLUDED)]
    if excluded:
        say(f"{len(excluded)} images left out as you asked")
    skipped = [skip for skip in model.training_.skipped if skip not in excluded]
    for skip in skipped[:5]:
        warn(f"skipped {skip.name}: {skip.reason}")
    if len(skipped) > 5:
        warn(f"skipped {len(skipped) - 5} more; the report lists all")
    for text in model_warnings(model):
        warn(text)
    dropped = model.dropped_images
    if dropped:
        worst = ", ".join(dropped[:5]) + (", ..." if len(dropped) > 5 else "")
        say(f"{len(dropped)} images {model.why_dropped}; the worst first: {worst}")
    if model.finding:
        say(model.finding)
    training = model.training_
    above = int((training.scores[training.unmarked()] > model.threshold_).sum())
    say(
        f"threshold {model.threshold_:.4g}; {above} of {len(model.training_.images)} training images are above it: "
        "patchsieve suspects shows them"
    )
    point = model.operating_points_[None]
    for words in point.words:
        say(f"  {words}")
