"""The history of all inspections: filtered, sorted, page by page, and as a file."""

from typing import IO, Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from patchsieve.station.asking import StationNow
from patchsieve.station.errors import StationError
from patchsieve.station.pages.asked import HistoryQuery
from patchsieve.station.pages.rendering import render
from patchsieve.station.pages.showing import pictures_of
from patchsieve.station.running import Station
from patchsieve.station.security import Role, require
from patchsieve.station.services.exporting import csv_lines, parquet_file
from patchsieve.station.services.history import Page

router = APIRouter(dependencies=[require(Role.VIEWER)])
_CHUNK = 2**16


@router.get("/history")
def history_page(request: Request, station: StationNow) -> Response:
    """Show the inspections that a query asks for."""
    query = HistoryQuery.of(request.query_params)
    try:
        wanted = query.filter()
        found = station.history.page(wanted, query.order, cursor=query.cursor)
        total, complaint = station.history.count(wanted), ""
    except StationError as error:
        found, total, complaint = Page([]), 0, str(error)
    status = 422 if complaint else 200
    context = _choices(station, query.fields["line"])
    return render(
        request,
        "history.html",
        status=status,
        query=query,
        found=found.inspections,
        following=query.address(cursor=found.next_cursor) if found.next_cursor else None,
        previous=query.address(cursor=found.previous_cursor) if found.previous_cursor else None,
        total=total,
        complaint=complaint,
        pictures_of=pictures_of,
        **context,
    )


@router.get("/history.csv")
def history_csv(request: Request, station: StationNow) -> Response:
    """Return all inspections that a query asks for as CSV."""
    query = HistoryQuery.of(request.query_params)
    text = csv_lines(station.history.each(query.filter(), query.order))
    return StreamingResponse(text, media_type="text/csv; charset=utf-8", headers=_as_file("history.csv"))


@router.get("/history.parquet")
def history_parquet(request: Request, station: StationNow) -> Response:
    """Return all inspections that a query asks for as Parquet."""
    query = HistoryQuery.of(request.query_params)
    file: IO[bytes] = parquet_file(station.history.each(query.filter(), query.order))
    return StreamingResponse(
        iter(lambda: file.read(_CHUNK), b""),
        media_type="application/vnd.apache.parquet",
        headers=_as_file("history.parquet"),
        background=BackgroundTask(file.close),
    )


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _choices(station: Station, chosen: str) -> dict[str, Any]:
    """Return what the filter lets people choose from: of the chosen line, else of all."""
    lines = station.lines.all()
    of = [line.name for line in lines if chosen in ("", line.name)]
    numbers = {version.number for name in of for version in station.lines.versions(name)}
    points = {point.name for name in of for point in station.thresholds.points(name)}
    return {
        "lines": lines,
        "version_choices": sorted(numbers, reverse=True),
        "point_choices": sorted(points),
    }
