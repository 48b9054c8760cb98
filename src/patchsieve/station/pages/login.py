"""Logging in and out, one's own account, and the language of the pages."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.station.asking import StationNow
from patchsieve.station.errors import StationError
from patchsieve.station.languages import LANGUAGE_COOKIE, LANGUAGES, said
from patchsieve.station.pages.rendering import render
from patchsieve.station.security import Role, Visitor, forget_cookie, require, safe_next, set_cookie

router = APIRouter()
_A_YEAR = 365 * 24 * 3600

Text = Annotated[str, Form()]
Anybody = Annotated[Visitor, require(None)]
Somebody = Annotated[Visitor, require(Role.VIEWER)]


@router.get("/login")
def ask(request: Request, station: StationNow, visitor: Anybody, next: str = "/") -> Response:
    """Ask for name and password, unless it is known who asks."""
    if visitor.role is not None:
        return RedirectResponse(safe_next(next), 303)
    return render(
        request,
        "login.html",
        next=safe_next(next),
        name="",
        complaint=None,
        any_users=station.accounts.any_users(),
    )


@router.post("/login", dependencies=[require(None)])
def log_in(request: Request, station: StationNow, name: Text, password: Text, next: Text = "/") -> Response:
    """Begin a login, with a new secret in the cookie, and go where the visitor was going."""
    address = request.client.host if request.client else ""
    try:
        login = station.accounts.log_in(name, password, address=address, instead_of=request.state.seen.cookie)
    except StationError as error:
        response: Response = render(
            request,
            "login.html",
            status=error.status,
            next=safe_next(next),
            name=name[:64],
            complaint=str(error),
            any_users=True,
        )
        response.headers.update(error.headers)
        return response
    response = RedirectResponse(safe_next(next), 303)
    set_cookie(response, request, login.secret, login.until)
    return response


@router.post("/logout")
def log_out(request: Request, station: StationNow, visitor: Somebody, everywhere: Text = "") -> Response:
    """End this login, or all logins of the visitor."""
    if everywhere and visitor.via == "session":
        station.accounts.log_out_everywhere(visitor.name, by=visitor.name)
    station.accounts.log_out(request.state.seen.cookie)
    response = RedirectResponse("/login", 303)
    forget_cookie(response, request)
    return response


@router.get("/me")
def me(request: Request, visitor: Somebody) -> Response:
    """Show the visitor's own account."""
    return render(request, "me.html", is_user=visitor.via == "session", complaint=None)


@router.post("/me/password")
def change_password(
    request: Request,
    station: StationNow,
    visitor: Somebody,
    old: Text,
    new: Text,
    again: Text,
) -> Response:
    """Change the visitor's own password; all logins end, so that whoever knew the old one is out."""
    complaint: str | None = None
    status = 422
    if visitor.via != "session":
        complaint = said("only a user who has logged in has a password to change")
    elif new != again:
        complaint = said("the two new passwords are not the same")
    else:
        address = request.client.host if request.client else ""
        try:
            station.accounts.change_own_password(visitor.name, old, new, address=address)
        except StationError as error:
            complaint, status = str(error), error.status
    if complaint is not None:
        is_user = visitor.via == "session"
        return render(request, "me.html", status=status, is_user=is_user, complaint=complaint)
    response = RedirectResponse("/login", 303)
    forget_cookie(response, request)
    return response


@router.post("/language", dependencies=[require(None)])
def choose_language(language: Text, next: Text = "/") -> Response:
    """Keep the language for a year, and go back to the page."""
    response = RedirectResponse(safe_next(next), 303)
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_A_YEAR, path="/", samesite="lax", httponly=True
        )
    return response
