"""Lines and the versions of their models."""

from fastapi import APIRouter

from patchsieve.station.api.schemas import Line, LineName, Number, Switch, SwitchOrder, Version, problems
from patchsieve.station.api.who import LOOKING, Engineer
from patchsieve.station.asking import StationNow

router = APIRouter()


@router.get("/lines", response_model=list[Line], dependencies=LOOKING, summary="List the production lines")
def lines(station: StationNow) -> object:
    """Return all lines by name, each with the number of the version that inspects."""
    return station.lines.all()


@router.get(
    "/lines/{line}",
    response_model=Line,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Show a line",
)
def line(station: StationNow, name: LineName) -> object:
    """Return one line."""
    return station.lines.line(name)


@router.get(
    "/lines/{line}/versions",
    response_model=list[Version],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List the model versions of a line",
)
def versions(station: StationNow, name: LineName) -> object:
    """Return all versions, the newest first. Versions are never overwritten."""
    return station.lines.versions(name)


@router.get(
    "/lines/{line}/versions/{number}",
    response_model=Version,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Show a model version",
)
def version(station: StationNow, name: LineName, number: Number) -> object:
    """Return one version of a line."""
    return station.lines.version(name, number)


@router.post(
    "/lines/{line}/switch",
    response_model=Version,
    responses=problems(404, 409),
    summary="Switch a line to a model version",
)
def switch(
    station: StationNow,
    name: LineName,
    order: SwitchOrder,
    visitor: Engineer,
) -> object:
    """Make a version the one that inspects. Images accepted before are still scored by the version before."""
    return station.lines.switch(name, order.version, by=visitor.name)


@router.post(
    "/lines/{line}/rollback",
    response_model=Version,
    responses=problems(404, 409),
    summary="Roll a line back to the version before",
)
def roll_back(station: StationNow, name: LineName, visitor: Engineer) -> object:
    """Make the version active again that was so before the present one."""
    return station.lines.roll_back(name, by=visitor.name)


@router.get(
    "/lines/{line}/switches",
    response_model=list[Switch],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List when which version became active",
)
def switches(station: StationNow, name: LineName) -> object:
    """Return the switches and rollbacks of a line, the latest first."""
    return station.lines.switches(name)
