"""The pages: what people see of the station in a browser.

In come requests, from which the services are called; out go HTML, pictures, and the few scripts that make the pages
quicker. Every page works as plain HTML: a script that wants only a piece of it says so by the header `X-Piece`, and a
form that has `data-swap` puts that piece into the page. `rendering.render` makes responses of templates. A key does
what the button with that `data-key` does. Nothing comes from elsewhere, and nothing inline runs.
"""

from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.staticfiles import StaticFiles

from patchsieve.station.errors import NotFound
from patchsieve.station.languages import said
from patchsieve.station.pages import (
    audit,
    history,
    inspect,
    inspections,
    lines,
    login,
    overview,
    people,
    pictures,
    review,
    threshold,
    versions,
    wall,
)
from patchsieve.station.pages.refusals import error_page

__all__ = ["install"]

_STATIC = Path(__file__).parent / "static"
_ROUTERS = (
    overview.router,
    lines.router,
    inspect.router,
    wall.router,
    history.router,
    inspections.router,
    pictures.router,
    review.router,
    versions.router,
    threshold.router,
    login.router,
    people.router,
    audit.router,
)


def install(app: FastAPI) -> None:
    """Give an application the pages, what they load, and the page that tells of errors."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(_require_text)])
    for each in _ROUTERS:
        router.include_router(each)
    app.include_router(router)
    app.mount("/static", _Static(directory=_STATIC), name="static")
    app.state.error_page = error_page


def _require_text(request: Request) -> None:
    """Raise `NotFound` for an address with a NUL, which no database has in its texts."""
    if "\0" in request.url.path:
        raise NotFound(said("there is no such page"))


class _Static(StaticFiles):
    """Files that browsers ask about each time: a new version of the station shows at once, an old one costs 304."""

    def file_response(self, *args: object, **named: object) -> object:  # type: ignore[override]
        """Return a file with the header that says so."""
        response = super().file_response(*args, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response
