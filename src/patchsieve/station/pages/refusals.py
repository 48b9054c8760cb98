"""What a browser is shown where something cannot be done: a page, or for scripts a piece of one."""

from starlette.requests import Request
from starlette.responses import Response

from patchsieve.station.pages.rendering import render


async def error_page(request: Request, status: int, title: str, detail: str) -> Response:
    """Return the page of an error: what kind it is, what was wrong, what to do. The fit for `app.state.error_page`."""
    return render(request, "error.html", status=status, title=title, detail=detail, error_status=status)
