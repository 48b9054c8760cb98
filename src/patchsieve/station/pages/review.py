"""Review of the training images: one suspect at a time, keep or drop, and a refit from what was said."""

from collections import Counter
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.errors import BrokenImageError
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Conflict, NotFound, StationError
from patchsieve.station.languages import heard, said
from patchsieve.station.pages.lines import MOST, Number, line_context
from patchsieve.station.pages.rendering import render, wants_piece
from patchsieve.station.running import Station
from patchsieve.station.security import Role, Visitor, require
from patchsieve.station.services.refitting import OPEN, Kind
from patchsieve.station.services.suspects import Suspect

router = APIRouter()
Engineer = Annotated[Visitor, require(Role.ENGINEER)]
# A version and a rank always show the same image.
_HEADERS = {"Cache-Control": "private, max-age=604800, immutable"}


@router.get("/review/{line}", dependencies=[require(Role.VIEWER)])
def review_page(request: Request, station: StationNow, line: str, rank: int | None = None) -> Response:
    """Show a suspect, the worst that nobody has judged where none is named; scripts get the suspect alone."""
    template = "suspect.html" if wants_piece(request) else "review.html"
    return render(request, template, **_context(station, line, rank))


@router.post("/review/{line}/mark")
def mark(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Engineer,
    version: Annotated[int, Form(ge=1, le=MOST)],
    rank: Annotated[int, Form(ge=1, le=MOST)],
    name: Annotated[str, Form()],
    verdict: Annotated[Literal["keep", "drop"], Form()],
) -> Response:
    """Keep or drop a training image, and go on to the next that nobody has judged."""
    station.review.mark(line, version, name, verdict, by=visitor.name)
    suspects = station.review.suspects(line).suspects
    return _show(request, station, line, _next_open(suspects, rank))


@router.post("/review/{line}/undo")
def undo(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Engineer,
    version: Annotated[int, Form(ge=1, le=MOST)],
    rank: Annotated[int, Form(ge=1, le=MOST)],
) -> Response:
    """Take the visitor's last mark back, and show the image that it was given to."""
    undone = station.review.undo(line, version, by=visitor.name)
    suspects = station.review.suspects(line).suspects
    back = next((one.rank for one in suspects if undone is not None and one.name == undone.name), rank)
    return _show(request, station, line, back)


@router.post("/review/{line}/refit")
def refit(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Engineer,
    kind: Annotated[Kind, Form()] = "refit",
) -> Response:
    """Begin to make a new version in the background."""
    station.refitting.start(line, kind, by=visitor.name)
    return _work(request, station, line)


@router.post("/review/{line}/cancel")
def cancel(
    request: Request,
    station: StationNow,
    line: str,
    visitor: Engineer,
    job: Annotated[str, Form(pattern="^[0-9a-f]{32}$")],
) -> Response:
    """Stop the work in the background."""
    # Where it has ended meanwhile, the page says how.
    with suppress(Conflict):
        station.refitting.cancel(job, by=visitor.name)
    return _work(request, station, line)


@router.get("/review/{line}/work", dependencies=[require(Role.VIEWER)])
def work(request: Request, station: StationNow, line: str) -> Response:
    """Show how the work in the background goes."""
    return render(request, "work.html", **line_context(station, line), **_job_context(station, line))


@router.get("/review/{line}/{version}/{rank}/{kind}", dependencies=[require(Role.VIEWER)])
def suspect_picture(
    station: StationNow, line: str, version: Number, rank: Number, kind: Literal["image", "map"]
) -> Response:
    """Return a suspect as PNG, as it is or coloured by its anomaly map."""
    picture = _readable(lambda: station.review.picture(line, version, rank, kind))
    return Response(picture, media_type="image/png", headers=_HEADERS)


@router.get("/review/{line}/{version}/{rank}/evidence/{place}", dependencies=[require(Role.VIEWER)])
def evidence_picture(station: StationNow, line: str, version: Number, rank: Number, place: int) -> Response:
    """Return one picture of the evidence as PNG."""
    pieces = _readable(lambda: station.review.evidence(line, version, rank))
    if not 0 <= place < len(pieces):
        raise NotFound(said("there is no such picture"))
    return Response(pieces[place].png, media_type="image/png", headers=_HEADERS)


def _readable(make: Any) -> Any:
    try:
        return make()
    except BrokenImageError as error:
        raise NotFound(
            said("%(name)s: %(reason)s", name=error.path.name, reason=heard(error.reason))
        ) from error


def _show(request: Request, station: Station, line: str, rank: int) -> Response:
    if wants_piece(request):
        return render(request, "suspect.html", **_context(station, line, rank))
    return RedirectResponse(f"/review/{line}?rank={rank}", 303)


def _work(request: Request, station: Station, line: str) -> Response:
    if wants_piece(request):
        return work(request, station, line)
    return RedirectResponse(f"/review/{line}#work", 303)


def _next_open(suspects: tuple[Suspect, ...], rank: int) -> int:
    """Return the next suspect that nobody has judged, from the beginning again after the end."""
    open_ones = [one.rank for one in suspects if one.verdict is None]
    return next((one for one in open_ones if one > rank), open_ones[0] if open_ones else rank)


def _context(station: Station, line: str, rank: int | None) -> dict[str, Any]:
    found = station.review.suspects(line)
    suspects = found.suspects
    wanted = _next_open(suspects, 0) if rank is None else rank
    current = next((one for one in suspects if one.rank == wanted), suspects[0] if suspects else None)
    marks = Counter(one.verdict for one in suspects)
    pieces, missing = (), ""
    if current is not None:
        try:
            pieces = _readable(lambda: station.review.evidence(line, found.version, current.rank))
        except StationError as error:
            missing = str(error)
    return {
        **line_context(station, line),
        "found": found,
        "current": current,
        "pieces": pieces,
        "missing": missing,
        "dropped": marks["drop"],
        "kept": marks["keep"],
        "open_ones": marks[None],
        **_job_context(station, line),
    }


def _job_context(station: Station, line: str) -> dict[str, Any]:
    jobs = station.refitting.jobs(line, limit=1)
    job = jobs[0] if jobs else None
    return {
        "job": job,
        "at_work": job is not None and job.state in OPEN,
        "pending": station.refitting.pending(line),
        "active": station.lines.line(line).active,
    }
