"""Pages that belong to a line: which line, and which others there are to go to."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.station.asking import StationNow
from patchsieve.station.pages.rendering import PAGES_OF_A_LINE, render
from patchsieve.station.running import Station
from patchsieve.station.security import Role, require

# Databases have no larger whole numbers.
MOST = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=MOST)]
"""A part of an address that is the number of a version or the rank of an image."""

router = APIRouter()


def line_context(station: Station, name: str) -> dict[str, Any]:
    """Return what templates of a line's page need of the line and of the others. Raises `NotFound`."""
    return {"line": station.lines.line(name), "lines": station.lines.all(), "line_name": name}


def _first_line(request: Request, station: StationNow) -> Response:
    page = request.url.path.strip("/")
    lines = station.lines.all()
    if not lines:
        return render(request, "no_line.html")
    return RedirectResponse(f"/{page}/{lines[0].name}", 303)


for _page in PAGES_OF_A_LINE:
    router.add_api_route(
        f"/{_page}", _first_line, dependencies=[require(Role.VIEWER)], name=f"first_line_{_page}"
    )
