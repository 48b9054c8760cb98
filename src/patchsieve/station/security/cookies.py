"""The one cookie: a random secret, to which a login may belong."""

from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.responses import Response


def cookie_name(request: HTTPConnection) -> str:
    """Return the cookie's name at this station.

    Browsers give cookies to all ports of a machine, so the port is in the name: two stations do not log each other
    out. With TLS the prefix makes browsers refuse it from elsewhere.
    """
    if request.url.scheme == "https":
        return "__Host-patchsieve"
    server = request.scope.get("server")
    return f"patchsieve-{server[1] if server else 0}"


def set_cookie(
    response: Response, request: HTTPConnection, secret: str, expires: datetime | None = None
) -> None:
    """Give the visitor's browser a secret to keep, until `expires` or until it is closed."""
    response.set_cookie(
        cookie_name(request),
        secret,
        expires=expires,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def forget_cookie(response: Response, request: HTTPConnection) -> None:
    """Take the secret away from the visitor's browser."""
    response.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
