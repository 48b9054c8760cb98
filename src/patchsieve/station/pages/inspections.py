"""One inspection with all that is known of it, and what people say of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.station.asking import StationNow
from patchsieve.station.pages import words
from patchsieve.station.pages.rendering import render, wants_piece
from patchsieve.station.pages.showing import judgement_context, panel_context
from patchsieve.station.security import Role, Visitor, require

router = APIRouter()


@router.get("/inspections/{inspection_id}", dependencies=[require(Role.VIEWER)])
def inspection_page(request: Request, station: StationNow, inspection_id: str) -> Response:
    """Show an inspection; scripts get the panel in which it is looked at."""
    inspection = station.history.get(inspection_id)
    template = "inspection_panel.html" if wants_piece(request) else "inspection.html"
    return render(request, template, **panel_context(station, inspection), source=words.source)


@router.post("/inspections/{inspection_id}/judgement")
def judge(
    request: Request,
    station: StationNow,
    inspection_id: str,
    visitor: Annotated[Visitor, require(Role.OPERATOR)],
    verdict: Annotated[Literal["good", "defect", "none"], Form()],
    note: Annotated[str, Form()] = "",
) -> Response:
    """Write down what a person says of the part; scripts get the form as it is then."""
    said = None if verdict == "none" else verdict
    inspection = station.history.judge(inspection_id, said, note=note.replace("\0", ""), by=visitor.name)
    if wants_piece(request):
        return render(request, "judgement.html", **judgement_context(station, inspection))
    return RedirectResponse(f"/inspections/{inspection_id}", 303)
