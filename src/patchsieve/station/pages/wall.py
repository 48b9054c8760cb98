"""The wall: what a line does now, for people who stand three metres away."""

from collections import Counter
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from patchsieve.station.asking import StationNow
from patchsieve.station.pages.lines import line_context
from patchsieve.station.pages.rendering import render
from patchsieve.station.pages.showing import pictures_of
from patchsieve.station.running import Station
from patchsieve.station.security import Role, require, while_permitted
from patchsieve.station.services.filters import Filter

router = APIRouter()
# Parts that the counters count, and those of them that are shown.
_COUNTED, _SHOWN = 200, 18


@router.get("/wall/{line}", dependencies=[require(Role.VIEWER)])
def wall_page(request: Request, station: StationNow, line: str) -> Response:
    """Show the wall of a line."""
    return render(request, "wall.html", **line_context(station, line), **_now(station, line))


@router.get("/wall/{line}/now", dependencies=[require(Role.VIEWER)])
def wall_now(request: Request, station: StationNow, line: str) -> Response:
    """Show what is on the wall, without the page around it."""
    return render(request, "wall_now.html", **_now(station, station.lines.line(line).name))


@router.get("/wall/{line}/events", dependencies=[require(Role.VIEWER)])
async def wall_events(request: Request, station: StationNow, line: str) -> Response:
    """Tell as server-sent events that there is something new."""
    # In the event loop, not in a thread that a stream would keep.
    found = await to_thread.run_sync(station.lines.line, line)
    events = station.events.stream(request.headers.get("Last-Event-ID"), found.id)
    stream = while_permitted(request, Role.VIEWER, events)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _now(station: Station, line: str) -> dict[str, Any]:
    parts = station.history.page(Filter(line=line), limit=_COUNTED).inspections
    counts = Counter(part.verdict for part in parts)
    last = parts[0] if parts else None
    return {
        "last": last,
        "shown": parts[:_SHOWN],
        "counts": {verdict: counts[verdict] for verdict in ("good", "review", "defect")},
        "parts": len(parts),
        "reject_rate": counts["defect"] / len(parts) if parts else 0.0,
        # The page takes what it is sent only where this is another than before.
        "state": f"{last.id} {len(parts)}" if last else "",
        "pictures_of": pictures_of,
    }
