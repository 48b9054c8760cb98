"""The threshold of a line: how scores are distributed, what a threshold would have cost, and the operating points."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.decisions import Purpose
from patchsieve.errors import PatchSieveError
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Invalid, StationError
from patchsieve.station.languages import said
from patchsieve.station.pages.charts import LEFT, RIGHT, WIDTH, score_chart
from patchsieve.station.pages.lines import line_context
from patchsieve.station.pages.rendering import render
from patchsieve.station.running import Station
from patchsieve.station.security import Role, Visitor, require
from patchsieve.station.services.thresholds import Goal

router = APIRouter()

Text = Annotated[str, Form()]
Engineer = Annotated[Visitor, require(Role.ENGINEER)]
Score = Annotated[float | None, Query(allow_inf_nan=False)]


@router.get("/threshold/{line}", dependencies=[require(Role.VIEWER)])
def threshold_page(request: Request, station: StationNow, line: str, at: Score = None) -> Response:
    """Show the scores, the points, and what a threshold would have cost: that in use, or the one asked for."""
    return render(request, "threshold.html", **_context(station, line, at))


@router.get("/threshold/{line}/cost", dependencies=[require(Role.VIEWER)])
def cost(
    request: Request, station: StationNow, line: str, at: Annotated[float, Query(allow_inf_nan=False)]
) -> Response:
    """Show what a threshold would have cost, as a piece of the page."""
    return render(request, "threshold_cost.html", cost=station.thresholds.cost(line, at))


@router.post("/threshold/{line}/change")
def change(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Engineer,
    name: Text,
    goal: Text = "threshold",
    value: Text = "",
    at: Text = "",
) -> Response:
    """Make a point, or change it."""
    try:
        station.thresholds.change(line, name.strip(), _goal(goal, value, at), by=visitor.name)
    except PatchSieveError as error:
        return _complaint(request, station, line, error)
    return RedirectResponse(f"/threshold/{line}", 303)


@router.post("/threshold/{line}/use")
def use(request: Request, station: StationNow, line: str, visitor: Engineer, name: Text) -> Response:
    """Let a point decide."""
    try:
        station.thresholds.use(line, name, by=visitor.name)
    except StationError as error:
        return _complaint(request, station, line, error)
    return RedirectResponse(f"/threshold/{line}", 303)


@router.post("/threshold/{line}/remove")
def remove(request: Request, station: StationNow, line: str, visitor: Engineer, name: Text) -> Response:
    """Let a point count no more."""
    try:
        station.thresholds.remove(line, name, by=visitor.name)
    except StationError as error:
        return _complaint(request, station, line, error)
    return RedirectResponse(f"/threshold/{line}", 303)


def _complaint(request: Request, station: Station, line: str, error: PatchSieveError) -> Response:
    status = error.status if isinstance(error, StationError) else 422
    return render(
        request, "threshold.html", status=status, **_context(station, line, None, complaint=str(error))
    )


def _context(station: Station, line: str, at: float | None, complaint: str | None = None) -> dict[str, Any]:
    context = line_context(station, line)
    points = station.thresholds.points(line)
    in_use = next(point for point in points if point.is_default)
    shown = in_use.threshold if at is None else at
    histogram = station.thresholds.histogram(line)
    chart = score_chart(histogram, [shown, *(point.threshold for point in points)])
    return {
        **context,
        "points": points,
        "in_use": in_use,
        "shown": shown,
        "changes": station.thresholds.changes(line),
        "histogram": histogram,
        "chart": chart,
        "cost": station.thresholds.cost(line, shown),
        "complaint": complaint,
        "width": WIDTH,
        "left": LEFT,
        "right": RIGHT,
    }


def _goal(kind: str, value: str, at: str) -> Goal:
    """Read what a point shall be. Shares are given in percent."""
    match kind:
        case "threshold":
            return Goal(threshold=_number(at))
        case "false-alarms":
            return Goal(false_alarms=_number(value) / 100)
        case "recall" | "precision":
            return Goal(purpose=Purpose(kind, target=_number(value) / 100))
        case "f1":
            return Goal(purpose=Purpose("f1"))
    raise Invalid(said("there is no such goal"))


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise Invalid(said("%(text)s is no number", text=repr(text[:20]))) from error
