"""Users and API tokens, for engineers."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Invalid, StationError
from patchsieve.station.languages import said
from patchsieve.station.pages.rendering import render
from patchsieve.station.running import Station
from patchsieve.station.security import Role, Visitor, require
from patchsieve.station.services.tokens import ApiToken

router = APIRouter()

Text = Annotated[str, Form()]
Engineer = Annotated[Visitor, require(Role.ENGINEER)]

# What the page says after a change; the address carries the key, so that a reload does not repeat the change.
TOLD = {
    "added": said("The user can log in now."),
    "role": said("The role was changed. It counts from the next request on."),
    "password": said("The password was changed, and the user is logged out everywhere."),
    "disabled": said("The user cannot log in any more."),
    "enabled": said("The user can log in again."),
    "logged-out": said("The user is logged out everywhere."),
    "revoked": said("The token opens nothing any more."),
}


@router.get("/people")
def people(request: Request, station: StationNow, visitor: Engineer, told: str = "") -> Response:
    """Show all users and tokens."""
    return _page(request, station, visitor, told=TOLD.get(told))


@router.post("/people/users")
def add_user(
    request: Request,
    station: StationNow,
    visitor: Engineer,
    name: Text,
    password: Text,
    role: Text,
) -> Response:
    """Add a user."""

    def change() -> str:
        station.accounts.add(name, password, _role(role), by=visitor.name)
        return "added"

    return _changed(request, station, visitor, change)


@router.post("/people/users/{what}")
def change_user(
    request: Request,
    station: StationNow,
    visitor: Engineer,
    what: str,
    name: Text,
    role: Text = "",
    password: Text = "",
) -> Response:
    """Change a user's role or password, log them out, disable or enable them."""
    accounts, by = station.accounts, visitor.name

    def change() -> str:
        match what:
            case "role":
                accounts.set_role(name, _role(role), by=by)
                return "role"
            case "password":
                accounts.set_password(name, password, by=by)
                return "password"
            case "disable":
                accounts.disable(name, by=by)
                return "disabled"
            case "enable":
                accounts.enable(name, by=by)
                return "enabled"
            case "log-out":
                accounts.log_out_everywhere(name, by=by)
                return "logged-out"
        raise Invalid(said("a user cannot be changed in this way"))

    return _changed(request, station, visitor, change)


@router.post("/people/tokens")
def create_token(
    request: Request, station: StationNow, visitor: Engineer, name: Text, role: Text
) -> Response:
    """Make a token and show its secret, this once."""
    try:
        token, secret = station.accounts.tokens.create(name, _role(role), by=visitor.name)
    except StationError as error:
        return _page(request, station, visitor, complaint=error)
    return _page(request, station, visitor, fresh=(token, secret))


@router.post("/people/tokens/revoke")
def revoke_token(request: Request, station: StationNow, visitor: Engineer, token: Text) -> Response:
    """Make a token useless."""

    def change() -> str:
        station.accounts.tokens.revoke(token, by=visitor.name)
        return "revoked"

    return _changed(request, station, visitor, change)


def _changed(request: Request, station: Station, visitor: Visitor, change: Callable[[], str]) -> Response:
    try:
        told = change()
    except StationError as error:
        return _page(request, station, visitor, complaint=error)
    return RedirectResponse(f"/people?told={told}", 303)


def _page(
    request: Request,
    station: Station,
    visitor: Visitor,
    *,
    told: str | None = None,
    complaint: StationError | None = None,
    fresh: tuple[ApiToken, str] | None = None,
) -> Response:
    return render(
        request,
        "people.html",
        status=complaint.status if complaint else 200,
        users=station.accounts.users(),
        tokens=station.accounts.tokens.list(),
        roles=list(Role),
        without_login=visitor.via == "local",
        told=told,
        complaint=str(complaint) if complaint else None,
        fresh=fresh,
    )


def _role(value: str) -> Role:
    try:
        return Role(value)
    except ValueError as error:
        raise Invalid(said("there is no role %(role)s", role=value[:20])) from error
