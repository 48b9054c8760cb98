"""The history: inspections found, shown, exported and judged."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, StreamingResponse

from patchsieve.station.api.schemas import (
    Inspection,
    InspectionId,
    InspectionPage,
    Judgement,
    Said,
    problems,
)
from patchsieve.station.api.searching import Wanted, WantedPage
from patchsieve.station.api.who import LOOKING, Operator
from patchsieve.station.asking import StationNow
from patchsieve.station.services.exporting import csv_lines, parquet_file

router = APIRouter()
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".webp": "image/webp",
    ".pnm": "image/x-portable-anymap",
    ".jp2": "image/jp2",
    ".gif": "image/gif",
}
_PIECE = 2**18


def _file(*kinds: str) -> dict[int | str, dict[str, object]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {200: {"description": "The file.", "content": content}}


@router.get(
    "/inspections",
    response_model=InspectionPage,
    dependencies=LOOKING,
    summary="Find inspections",
)
def inspections(station: StationNow, wanted: Annotated[WantedPage, Query()]) -> object:
    """Return a page of the history.

    Give `next_cursor` back as `cursor` for the next one, `previous_cursor` for the one before. What is inspected
    meanwhile neither shifts nor doubles what the other pages show. Regions are in the answers for one inspection only.
    """
    return station.history.page(
        wanted.as_filter(), wanted.as_order(), cursor=wanted.cursor, limit=wanted.limit
    )


@router.get(
    "/inspections/export.csv",
    dependencies=LOOKING,
    response_class=StreamingResponse,
    responses=_file("text/csv"),
    summary="Export inspections as CSV",
)
def export_csv(station: StationNow, wanted: Annotated[Wanted, Query()]) -> StreamingResponse:
    """Return all inspections of a filter, one a line; of their regions only the number."""
    found = station.history.each(wanted.as_filter(), wanted.as_order())
    return StreamingResponse(csv_lines(found), media_type="text/csv", headers=_named("inspections.csv"))


@router.get(
    "/inspections/export.parquet",
    dependencies=LOOKING,
    response_class=StreamingResponse,
    responses=_file("application/vnd.apache.parquet") | problems(503),
    summary="Export inspections as Parquet",
)
def export_parquet(station: StationNow, wanted: Annotated[Wanted, Query()]) -> StreamingResponse:
    """Return all inspections of a filter with types; of their regions only the number."""
    file = parquet_file(station.history.each(wanted.as_filter(), wanted.as_order()))
    return StreamingResponse(
        iter(lambda: file.read(_PIECE), b""),
        media_type="application/vnd.apache.parquet",
        headers=_named("inspections.parquet"),
        background=BackgroundTask(file.close),
    )


@router.get(
    "/inspections/{id}",
    response_model=Inspection,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Show an inspection",
)
def inspection(station: StationNow, key: InspectionId) -> object:
    """Return one inspection with its regions."""
    return station.history.get(key)


@router.get(
    "/inspections/{id}/image",
    dependencies=LOOKING,
    response_class=FileResponse,
    responses=_file(*_PICTURES.values()) | problems(404),
    summary="Fetch the image of an inspection",
)
def image(station: StationNow, key: InspectionId) -> FileResponse:
    """Return the file as it was uploaded, with a type by its content."""
    path = station.history.image_path(key)
    return FileResponse(path, media_type=_PICTURES[path.suffix], headers=_named(f"{key}{path.suffix}"))


@router.get(
    "/inspections/{id}/map",
    dependencies=LOOKING,
    response_class=FileResponse,
    responses=_file("image/png") | problems(404),
    summary="Fetch the anomaly map of an inspection",
)
def anomaly_map(station: StationNow, key: InspectionId) -> FileResponse:
    """Return the map as a 16-bit grey PNG.

    The text chunk `patchsieve` is JSON: `low` and `high` are the scores of black and white, `box` (left, top, right,
    bottom) the part of the image that the map covers, in pixels.
    """
    path = station.history.map_path(key)
    return FileResponse(path, media_type="image/png", headers=_named(f"{key}.map.png"))


@router.post(
    "/inspections/{id}/feedback",
    response_model=Inspection,
    responses=problems(404),
    summary="Confirm or correct a verdict",
)
def judge(
    station: StationNow,
    key: InspectionId,
    judgement: Judgement,
    visitor: Operator,
) -> object:
    """Write down what a person says of an inspection. `null` takes back what was said before."""
    return station.history.judge(key, judgement.verdict, note=judgement.note, by=visitor.name)


@router.get(
    "/inspections/{id}/feedback",
    response_model=list[Said],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List what people said of an inspection",
)
def feedback(station: StationNow, key: InspectionId) -> object:
    """Return all that was ever said of an inspection, the latest first."""
    return station.history.feedback(key)


def _named(name: str) -> dict[str, str]:
    # Downloaded, never shown as a page of ours.
    return {"Content-Disposition": f'attachment; filename="{name}"'}
