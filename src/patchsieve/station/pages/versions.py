"""The versions of a line's model: which decides, which did, and how to go back."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.station.asking import StationNow
from patchsieve.station.errors import StationError
from patchsieve.station.pages.lines import MOST, line_context
from patchsieve.station.pages.rendering import render
from patchsieve.station.running import Station
from patchsieve.station.security import Role, Visitor, require

router = APIRouter()


@router.get("/versions/{line}", dependencies=[require(Role.VIEWER)])
def versions_page(request: Request, station: StationNow, line: str) -> Response:
    """Show the versions of a line."""
    return render(request, "versions.html", **_context(station, line))


@router.post("/versions/{line}/switch")
def switch(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Annotated[Visitor, require(Role.ENGINEER)],
    number: Annotated[int, Form(ge=1, le=MOST)],
) -> Response:
    """Let another version decide."""
    try:
        station.lines.switch(line, number, by=visitor.name)
    except StationError as error:
        return _complaint(request, station, line, error)
    return RedirectResponse(f"/versions/{line}", 303)


@router.post("/versions/{line}/roll-back")
def roll_back(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Annotated[Visitor, require(Role.ENGINEER)],
) -> Response:
    """Let that version decide again which did before."""
    try:
        station.lines.roll_back(line, by=visitor.name)
    except StationError as error:
        return _complaint(request, station, line, error)
    return RedirectResponse(f"/versions/{line}", 303)


def _complaint(request: Request, station: Station, line: str, error: StationError) -> Response:
    context = _context(station, line, complaint=str(error))
    return render(request, "versions.html", status=error.status, **context)


def _context(station: Station, line: str, *, complaint: str = "") -> dict[str, Any]:
    versions = station.lines.versions(line)
    switches = station.lines.switches(line)
    active = next((version.number for version in versions if version.active), None)
    ready = {version.number for version in versions if version.state == "ready"}
    before = [switch.number for switch in switches if switch.number != active and switch.number in ready]
    jobs = {job.version: job for job in station.refitting.jobs(line, limit=200) if job.changes is not None}
    return {
        **line_context(station, line),
        "versions": versions,
        "switches": switches,
        "before": before[0] if before else None,
        "jobs": jobs,
        "complaint": complaint,
    }
