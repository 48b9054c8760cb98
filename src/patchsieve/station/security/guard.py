"""The gate before the application: from where a request may come, and who sent it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from patchsieve.station.security.cookies import cookie_name, set_cookie
from patchsieve.station.security.origins import (
    LOOPBACK_NAMES,
    came_through_proxy,
    is_browser,
    is_loopback,
    is_own_page,
    name_of,
)
from patchsieve.station.security.secrets import csrf_of, new_secret, same_secret
from patchsieve.station.security.visitor import LOCAL, NOBODY, SERVE_TOKEN, Visitor
from patchsieve.station.settings import StationSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a stranger needs to log in, and what tells a supervisor that the station lives. `require(None)` belongs to
# these routes, and these routes only.
OPEN_PATHS = frozenset({"/login", "/language", "/healthz", "/readyz", "/favicon.ico"})
OPEN_FOLDER = "/static/"


class Gatekeeper(Protocol):
    """What the guard asks about people; the accounts answer."""

    def any_users(self) -> bool:
        """Say whether there is a user who can log in."""

    def visitor_of_login(self, secret: str) -> Visitor | None:
        """Return the user whose browser holds `secret`, or None."""

    def visitor_of_token(self, secret: str) -> Visitor | None:
        """Return whom the API token `secret` stands for, or None."""


@dataclass(frozen=True)
class Seen:
    """What the guard has found out; the application has it as `request.state.seen`.

    Attributes:
        visitor: who asks.
        cookie: the secret that the browser holds; ``""`` where there is none.
        needs_csrf: whether what changes something must carry the token that belongs to the cookie.
        again: says who the same request would be from by now; None where its token is none any more. It may take a
            moment: the database is asked.
    """

    visitor: Visitor
    cookie: str
    needs_csrf: bool
    again: Callable[[], Visitor | None]


class Guard:
    """Refuse requests that come from elsewhere or from nobody, and say of all others who sent them."""

    def __init__(self, app: ASGIApp, settings: StationSettings, gatekeeper: Callable[[], Gatekeeper]) -> None:
        self._app = app
        self._token = settings.token.get_secret_value() if settings.token else None
        self._gatekeeper = gatekeeper
        self._on_loopback = is_loopback(settings.host)
        self._names = frozenset(name.lower() for name in settings.host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guard(scope, receive, send)
        else:
            # The station speaks no other protocol.
            await send({"type": "websocket.close", "code": 1008})

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        refusal = self._refuse_place(request)
        if refusal is None:
            visitor = await run_in_threadpool(self._recognise, request)
            refusal = _refuse_visitor(request, visitor)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        assert visitor is not None
        cookie = request.cookies.get(cookie_name(request), "")
        fresh = not cookie and _wants_page(request)
        if fresh:
            cookie = new_secret()
        seen = Seen(visitor, cookie, _needs_csrf(request, visitor), partial(self._recognise, request))
        state = scope.setdefault("state", {})
        state.update(seen=seen, visitor=visitor, csrf=csrf_of(cookie) if cookie else "")
        await self._app(scope, receive, _handing_out(request, cookie, send) if fresh else send)

    def _refuse_place(self, request: HTTPConnection) -> Response | None:
        """Return the answer to a request that names another host or that another site's page has sent, or None."""
        host = request.headers.get("Host", "")
        name = name_of(host)
        if name is None or not self._is_named(name):
            return _problem(
                421,
                "Not this station",
                f"this station does not know itself as {host!r:.100}; start it with --host-name for each further name",
            )
        is_token = _bearer(request) is not None
        if request.scope["method"] not in SAFE_METHODS and not is_token and not is_own_page(request.headers):
            return _problem(403, "Not permitted", "the request was sent by a page of another site")
        return None

    def _is_named(self, name: str) -> bool:
        if self._on_loopback or self._names:
            return name in LOOPBACK_NAMES or name in self._names or (self._on_loopback and is_loopback(name))
        # Reachable under whatever name the network gives it; nobody is anybody here without a secret, and a page
        # that has got another name to point here has none.
        return True

    def _recognise(self, request: HTTPConnection) -> Visitor | None:
        """Return who sent the request; None for a bearer token that is none of ours."""
        people = self._gatekeeper()
        bearer = _bearer(request)
        if bearer is not None:
            if self._token is not None and same_secret(bearer, self._token):
                return SERVE_TOKEN
            return people.visitor_of_token(bearer)
        cookie = request.cookies.get(cookie_name(request))
        visitor = people.visitor_of_login(cookie) if cookie else None
        if visitor is not None:
            return visitor
        return LOCAL if self._is_local(request) and not people.any_users() else NOBODY

    def _is_local(self, request: HTTPConnection) -> bool:
        return (
            self._on_loopback
            and self._token is None
            and request.client is not None
            and is_loopback(request.client.host)
            and is_loopback(name_of(request.headers.get("Host", "")) or "")
            and not came_through_proxy(request.headers)
        )


def _bearer(request: HTTPConnection) -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _refuse_visitor(request: HTTPConnection, visitor: Visitor | None) -> Response | None:
    if visitor is None:
        return _unauthenticated("the token is not valid, or has been revoked")
    path = request.scope["path"]
    if visitor is not NOBODY or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
        return None
    if not _wants_page(request):
        return _unauthenticated("log in, or send an API token as Authorization: Bearer")
    wanted = path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)


def _wants_page(request: HTTPConnection) -> bool:
    return request.scope["method"] in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")


def _needs_csrf(request: HTTPConnection, visitor: Visitor) -> bool:
    if visitor.via == "token":
        return False
    return visitor.via != "local" or is_browser(request.headers)


def _handing_out(request: HTTPConnection, secret: str, send: Send) -> Send:
    """Return a `send` that gives the browser its first secret, unless the answer gives it another one (a login)."""
    carrier = Response()
    set_cookie(carrier, request, secret)

    async def hand_out(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "set-cookie" not in headers:
                headers.append("set-cookie", carrier.headers["set-cookie"])
        await send(message)

    return hand_out


def _unauthenticated(detail: str) -> Response:
    return _problem(401, "Nobody is logged in", detail, {"WWW-Authenticate": "Bearer"})


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(
        {"title": title, "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )
