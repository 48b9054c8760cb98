"""How the station goes."""

from typing import Annotated

from fastapi import APIRouter, Query

from patchsieve.station.api.schemas import Text, problems
from patchsieve.station.api.shapes import Bucket, Disk, LineOverview, Overview
from patchsieve.station.api.who import LOOKING
from patchsieve.station.asking import StationNow

router = APIRouter()
Hours = Annotated[float, Query(gt=0, le=24 * 366, description="How far back.", examples=[24])]


@router.get("/overview", response_model=Overview, dependencies=LOOKING, summary="Show how the station goes")
def overview(station: StationNow, hours: Hours = 24.0) -> Overview:
    """Return what each line inspected and rejected lately, what waits, and what the disk holds."""
    return Overview(
        lines=[LineOverview.model_validate(line) for line in station.overview.lines(hours)],
        disk=Disk.model_validate(station.overview.disk()),
    )


@router.get(
    "/throughput",
    response_model=list[Bucket],
    dependencies=LOOKING,
    responses=problems(404),
    summary="Count inspections over time",
)
def throughput(
    station: StationNow,
    line: Annotated[Text | None, Query(max_length=200, description="Name of the line; all without.")] = None,
    hours: Hours = 24.0,
    buckets: Annotated[int, Query(ge=1, le=200, description="Parts that the time is divided into.")] = 24,
) -> object:
    """Return counts and reject rates of equal parts of the last hours, the oldest first."""
    return station.overview.throughput(line, hours=hours, buckets=buckets)
