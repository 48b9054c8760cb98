"""The page where images are inspected."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from patchsieve.station.api.uploads import text_in, upload_form, uploads_in
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Invalid, StationError
from patchsieve.station.languages import said
from patchsieve.station.pages.lines import line_context
from patchsieve.station.pages.rendering import render, wants_piece
from patchsieve.station.pages.showing import panel_context, pictures_of
from patchsieve.station.running import Station
from patchsieve.station.security import Role, Visitor, require
from patchsieve.station.services.inspecting import Asked
from patchsieve.station.services.inspection import Inspection

router = APIRouter()


@router.get("/inspect/{line}", dependencies=[require(Role.VIEWER)])
def inspect_page(request: Request, station: StationNow, line: str) -> Response:
    """Show the page with no image yet."""
    return render(request, "inspect.html", **_context(station, line))


@router.post("/inspect/{line}")
async def inspect_image(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Annotated[Visitor, require(Role.OPERATOR)],
    key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
) -> Response:
    """Inspect an image; scripts get its line in the list of results, others the page with the result."""
    with station.admission.room():
        async with upload_form(request, max_files=1) as form:

            def inspect() -> Response:
                try:
                    images = uploads_in(form, "image")
                    if len(images) != 1 or not images[0].data:
                        raise Invalid(said("choose an image first"))
                    asked = Asked(
                        source="page", by=visitor.name, operating_point=text_in(form, "point"), key=key
                    )
                    found = station.inspecting.inspect(line, images[0], asked)
                except StationError as error:
                    if wants_piece(request):
                        raise
                    context = _context(station, line, complaint=str(error))
                    return render(request, "inspect.html", status=error.status, **context)
                if wants_piece(request):
                    return render(
                        request, "inspect_item.html", inspection=found, pictures=pictures_of(found.id)
                    )
                return render(request, "inspect.html", **_context(station, line, found))

            return await station.admission.work(inspect)


def _context(
    station: Station, line: str, found: Inspection | None = None, *, complaint: str = ""
) -> dict[str, Any]:
    shown: dict[str, Any] = panel_context(station, found) if found else {"inspection": None}
    return {
        **line_context(station, line),
        **shown,
        "version": station.lines.version(line),
        "points": station.thresholds.points(line),
        "results": [(found, pictures_of(found.id))] if found else [],
        "complaint": complaint,
    }
