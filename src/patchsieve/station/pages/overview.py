"""The overview: how the lines go."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from patchsieve.station.asking import StationNow
from patchsieve.station.languages import said
from patchsieve.station.pages.charts import LEFT, RIGHT, WIDTH, time_chart
from patchsieve.station.pages.rendering import render, wants_piece
from patchsieve.station.security import Role, require

router = APIRouter()

# Hours that can be looked at, in how many parts, and what that is called.
SPANS = {
    1: (12, said("1 hour")),
    8: (16, said("8 hours")),
    24: (24, said("24 hours")),
    168: (28, said("7 days")),
    720: (30, said("30 days")),
}


@router.get("/", dependencies=[require(Role.VIEWER)])
def overview(
    request: Request,
    station: StationNow,
    line: Annotated[str, Query()] = "",
    hours: Annotated[int, Query()] = 24,
) -> Response:
    """Show throughput, reject rate, drift, what waits, and the disk; of all lines or of one."""
    hours = hours if hours in SPANS else 24
    buckets = station.overview.throughput(line or None, hours=hours, buckets=SPANS[hours][0])
    lines = station.overview.lines(hours)
    return render(
        request,
        "overview_now.html" if wants_piece(request) else "overview.html",
        lines=lines,
        drifts={one.line: station.drifting.today(one.line) for one in lines if one.version is not None},
        chosen=line,
        hours=hours,
        spans=SPANS,
        buckets=buckets,
        chart=time_chart(buckets),
        disk=station.overview.disk(),
        width=WIDTH,
        left=LEFT,
        right=RIGHT,
    )
