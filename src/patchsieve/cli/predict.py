"""`patchsieve predict`: score images with a model."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from patchsieve.cli.cluster import Address, require_fitting
from patchsieve.cli.console import progress_bars, say
from patchsieve.cli.formats import Device, Engine, Layout, MapsFormat, PredictEngine, RowsFormat, Strict
from patchsieve.cli.left_out import tell_left_out
from patchsieve.cli.predict_on_cluster import predict_on_cluster
from patchsieve.cli.tables import csv_text, show
from patchsieve.decisions.rows import SKIPPED, Row, rows_of
from patchsieve.errors import ImagesError
from patchsieve.files import require_writable, write_text

if TYPE_CHECKING:
    from patchsieve.decisions import ImageRegions, Result
    from patchsieve.detectors import Detector
    from patchsieve.images import ImageSet
    from patchsieve.runtime import ExportedModel
    from patchsieve.runtime import Model as OpenedModel

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file written by fit.")]


def predict(
    model_file: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model file written by fit, or a folder written by export."),
    ],
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Images and folders of images; for --engine ray also a URL."),
    ],
    out: Annotated[
        str | None,
        typer.Option(help="Folder for predictions.csv, overlays and maps; for --engine ray also a URL."),
    ] = None,
    overlays: Annotated[
        bool, typer.Option("--overlays", help="Write each image with its heat map over it.")
    ] = False,
    maps: Annotated[MapsFormat | None, typer.Option(help="Write each raw anomaly map.")] = None,
    regions: Annotated[
        Path | None, typer.Option(help="JSON file for the regions: area, box, outline, scores.")
    ] = None,
    coco: Annotated[Path | None, typer.Option(help="COCO file for the same regions.")] = None,
    min_area: Annotated[
        float, typer.Option(help="Leave smaller regions out, in pixels of the image.", min=0)
    ] = 0.0,
    operating_point: Annotated[
        str | None, typer.Option(help="Name of the point whose threshold counts; see patchsieve threshold.")
    ] = None,
    review: Annotated[
        str | None,
        typer.Option(
            help="Leave to people: a share of good images such as 0.05 below the threshold, or interval."
        ),
    ] = None,
    format: Annotated[RowsFormat, typer.Option(help="How to print.")] = RowsFormat.table,
    layout: Layout = "auto",
    strict: Strict = False,
    device: Device = "auto",
    engine: Annotated[
        PredictEngine,
        typer.Option(
            help="What an exported model runs on, a model file runs on torch; or ray to work on a Ray cluster."
        ),
    ] = PredictEngine.auto,
    address: Address = None,
) -> None:
    """Score images and hold them against the threshold. The CSV's columns are described in the manual."""
    from patchsieve.decisions import REVIEW
    from patchsieve.images import read_images
    from patchsieve.runtime import open_model

    if engine is PredictEngine.ray:
        local = {
            "--overlays": overlays, "--maps": maps, "--regions": regions, "--coco": coco, "--min-area": min_area,
            "--format": format is not RowsFormat.table,
        }  # fmt: skip
        predict_on_cluster(
            model_file, paths, out, address, [option for option, given in local.items() if given],
            operating_point=operating_point, review=review, layout=layout, strict=strict, device=device,
        )  # fmt: skip
        return
    require_fitting(Engine.local, address)
    out_dir = None if out is None else Path(out)
    if out_dir is None and (overlays or maps):
        raise typer.BadParameter("overlays and maps need a folder to go to: --out DIR", param_hint="--out")
    if out_dir is not None:
        require_writable(out_dir / "predictions.csv")
    require_writable(*(file for file in (regions, coco) if file is not None))
    model = open_model(model_file, device=device, engine=engine)
    images = read_images(paths[0] if len(paths) == 1 else paths, layout)
    write = _writer(model, out_dir, overlays, maps)
    threshold = model.threshold_
    rows: list[Row] = []
    found: list[ImageRegions] = []
    try:
        with (
            progress_bars(transient=True) as progress,
            closing(
                model.iter_predict(
                    images, operating_point=operating_point, review=review, strict=strict, progress=progress
                )
            ) as results,
        ):
            for result in results:
                threshold = result.threshold
                write(result)
                rows += rows_of(result)
                if regions is not None or coco is not None:
                    found += _regions_of(result, min_area)
    finally:
        # Interrupted or stopped by a broken image: what was scored until then is not lost.
        if out_dir is not None and rows:
            write_text(out_dir / "predictions.csv", csv_text(rows))
            say(f"{len(rows)} of {len(images)} images are in {out_dir / 'predictions.csv'}")
        if rows:
            _write_regions(model, threshold, model_file, found, rows, regions, coco, min_area)
    show(rows, format)
    if review is not None:
        count = sum(row["verdict"] == REVIEW for row in rows)
        say(f"{count} of {len(rows)} images are to be reviewed")
    _tell_left_out(rows, images)


def _tell_left_out(rows: list[Row], images: "ImageSet") -> None:
    """Say which images have no verdict. Raises `ImagesError` where none has."""
    skipped = [row for row in rows if row["verdict"] == SKIPPED]
    if len(skipped) == len(rows):
        raise ImagesError(
            f"none of the {len(rows)} images could be decoded; the first: {skipped[0]['image']}: {skipped[0]['note']}"
        )
    first = images.skipped[0] if images.skipped else None
    tell_left_out(len(skipped), len(rows), len(images.skipped), first)


def _regions_of(result: "Result", min_area: float) -> "list[ImageRegions]":
    from patchsieve.decisions import ImageRegions

    parts = zip(
        result.images.names,
        result.sizes.tolist(),
        result.scores.tolist(),
        result.verdicts,
        result.regions(min_area),
        strict=True,
    )
    return [ImageRegions(name, (size[0], size[1]), *rest) for name, size, *rest in parts]


def _write_regions(
    model: "OpenedModel",
    threshold: float,
    model_file: Path,
    found: "list[ImageRegions]",
    rows: list[Row],
    regions: Path | None,
    coco: Path | None,
    min_area: float,
) -> None:
    """Write what was found until now, into the files that are asked for."""
    from patchsieve.decisions import coco_json, regions_json

    count = sum(len(image.regions) for image in found)
    if regions is not None:
        text = regions_json(
            found,
            threshold=threshold,
            pixel_threshold=model.pixel_threshold_,
            min_area=min_area,
            skipped=[(row["image"], row["note"]) for row in rows if row["verdict"] == SKIPPED],
        )
        write_text(regions, text)
        say(f"{count} regions in {len(found)} images are in {regions}")
    if coco is not None:
        write_text(
            coco, coco_json(found, description=f"regions found by the PatchSieve model {model_file.name}")
        )
        say(f"{count} annotations of {len(found)} images are in {coco}")


def _writer(
    model: "OpenedModel", out_dir: Path | None, overlays: bool, maps: MapsFormat | None
) -> "Callable[[Result], None]":
    """Return what writes the pictures of one batch."""
    if out_dir is None or not (overlays or maps):
        return lambda _: None
    from patchsieve.decisions import GOOD
    from patchsieve.images import decode
    from patchsieve.pictures import FOUND_COLOUR, colour_scale, outline, overlay, place_map
    from patchsieve.pictures.files import file_name, write_npy, write_picture, write_tiff

    scale = colour_scale(cast("Detector | ExportedModel", model))

    def write(result: "Result") -> None:
        for record, anomaly_map, box, verdict in zip(
            result.images, result.maps, result.boxes.tolist(), result.verdicts, strict=True
        ):
            if overlays:
                picture = overlay(decode(record), anomaly_map, scale, tuple(box))
                if verdict != GOOD:
                    found = place_map(anomaly_map, tuple(box), *picture.shape[:2]) > result.pixel_threshold
                    picture = outline(picture, found, FOUND_COLOUR)
                write_picture(out_dir / "overlays" / file_name(record.name, ".png"), picture)
            if maps is MapsFormat.npy:
                write_npy(out_dir / "maps" / file_name(record.name, ".npy"), anomaly_map)
            elif maps is MapsFormat.tiff:
                write_tiff(out_dir / "maps" / file_name(record.name, ".tiff"), anomaly_map, result.threshold)

    return write
