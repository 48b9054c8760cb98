"""Templates become pages: what all of them know, and how a piece of a page is told from a whole one."""

from importlib.metadata import version
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from patchsieve.pictures.pages import page_environment
from patchsieve.station.asking import station_of
from patchsieve.station.languages import language_of, speak_in, translated
from patchsieve.station.pages import words
from patchsieve.station.pages.shapes import scale_place
from patchsieve.station.security import Role

# Pages of which every line has its own: /inspect/line7.
PAGES_OF_A_LINE = ("inspect", "wall", "review", "threshold", "versions")
THEMES = ("light", "dark")
THEME_COOKIE = "patchsieve-theme"
# What scripts send when they want a piece of a page, to put it into the one that is there.
PIECE_HEADER = "X-Piece"


def wants_piece(request: Request) -> bool:
    """Say whether a script asks, which puts the answer into its page."""
    return PIECE_HEADER in request.headers


def _environment() -> jinja2.Environment:
    environment = page_environment("patchsieve.station.pages")
    speak_in(environment)
    environment.globals.update(
        static=lambda path: f"/static/{path}",
        program_version=version("patchsieve"),
        scale_place=scale_place,
        who=lambda name: translated(words.who(name)),
        pages_of_a_line=PAGES_OF_A_LINE,
    )
    return environment


_TEMPLATES = _environment()


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a template for whoever asks, in their language and theme.

    Args:
        request: who asks, and for what.
        template: file name.
        status: of HTTP.
        context: what the template needs beside what every page has: `visitor`, `may` (of a role's name), `csrf`,
            `theme`, `here` (the first part of the path), and the line's name in `line_name`, None for no line.
    """
    theme = request.cookies.get(THEME_COOKIE)
    visitor = request.state.visitor
    known = {
        "request": request,
        "visitor": visitor,
        "may": lambda role: visitor.may(Role(role)),
        "csrf": request.state.csrf,
        "theme": theme if theme in THEMES else None,
        "here": request.url.path.split("/")[1],
        "line_name": None,
    }
    with language_of(request, station_of(request).settings.language).spoken():
        text = _TEMPLATES.get_template(template).render(known | context)
    return HTMLResponse(text, status)
