"""Errors as answers: problem+json (RFC 9457) for programs; what pages show instead is set by the pages."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patchsieve.errors import PatchSieveError
from patchsieve.station.errors import (
    Invalid,
    NotFound,
    StationError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from patchsieve.station.languages import said

MEDIA_TYPE = "application/problem+json"
_API = "/api/"
# Not what a query says, but that none can be asked: the server is gone, the file locked, the disk full.
_NO_DATABASE = (OperationalError, InterfaceError)
_log = logging.getLogger(__name__)

ErrorPage = Callable[[Request, int, str, str], Awaitable[Response]]
"""Makes a page of an error: the request, the status, the title, the detail."""


def problem(error: StationError) -> JSONResponse:
    """Return the answer that tells a program of an error."""
    return _json(error.status, error.title, str(error), error.headers)


def answer_errors(app: FastAPI) -> None:
    """Let every error be answered in words: programs with problem+json, browsers with `app.state.error_page`."""

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, StationError):
            # A full disk, say: nobody who asks is to blame, and the same may be asked again.
            _log.error("%s %s: %s", request.method, request.url.path, error)
            error = Unavailable(str(error))
        return await _answer(request, error.status, error.title, str(error), error.headers)

    async def not_valid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        words = "; ".join(_said(one) for one in error.errors())
        return await _answer(request, Invalid.status, Invalid.title, words)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = {kind.status: kind.title for kind in (NotFound, TooLarge, Unauthenticated)}
        title = known.get(error.status_code, HTTPStatus(error.status_code).phrase)
        return await _answer(request, error.status_code, title, str(error.detail), error.headers)

    async def no_database(request: Request, error: Exception) -> Response:
        _log.error("%s %s: %s", request.method, request.url.path, error)
        return await refused(
            request, Unavailable(said("the station's database does not answer now; ask again"))
        )

    async def defect(request: Request, error: Exception) -> Response:
        # Who asks is looked up before the application, whose handlers the others are.
        if isinstance(error, _NO_DATABASE):
            return await no_database(request, error)
        return await _answer(
            request,
            500,
            said("A defect of the station"),
            said("the station made a mistake; its log says more"),
        )

    app.add_exception_handler(PatchSieveError, refused)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(HTTPException, http)
    for kind in _NO_DATABASE:
        app.add_exception_handler(kind, no_database)
    app.add_exception_handler(Exception, defect)


async def _answer(request: Request, status: int, title: str, detail: str, headers: Any = None) -> Response:
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is None or request.url.path.startswith(_API):
        return _json(status, title, detail, headers)
    response = await page(request, status, title, detail)
    response.headers.update(headers or {})
    return response


def _json(status: int, title: str, detail: str, headers: Any = None) -> JSONResponse:
    return JSONResponse(
        {"title": title, "status": status, "detail": detail}, status, headers=headers, media_type=MEDIA_TYPE
    )


def _said(error: Any) -> str:
    # The first part says where in the request: "body", "query", ...
    place = ".".join(str(part) for part in error["loc"][1:]) or error["loc"][0]
    return f"{place}: {str(error['msg']).removeprefix('Value error, ')}"
