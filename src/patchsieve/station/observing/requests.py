"""Every request gets an id, is timed and counted, and leaves one line in the log."""

import logging
import re
import secrets
from contextvars import ContextVar
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from patchsieve.station.observing.metrics import Metrics

REQUEST_ID = "X-Request-ID"
# What others chose is taken over, so that a line can be followed through several programs, if it is plain.
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by programs, or with every page: no line for each.
_QUIET = ("/healthz", "/readyz", "/metrics", "/static/")

_log = logging.getLogger("patchsieve.station.requests")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, None outside of one."""
    return _current.get()


class RequestLog:
    """Outermost of all middleware: what is refused or fails further in is counted too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, then count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        token = _current.set(request_id)
        started = perf_counter()
        status = 500
        streamed: float | None = None

        async def noted(message: Message) -> None:
            nonlocal status, streamed
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                if headers.get("content-type", "").startswith("text/event-stream"):
                    streamed = perf_counter() - started
            await send(message)

        try:
            with self._metrics.in_flight.track_inprogress():
                await self._app(scope, receive, noted)
        finally:
            seconds = perf_counter() - started
            route = _route_of(scope)
            # Any word can be a method, and each would be a figure of its own.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(method, route, status, seconds if streamed is None else streamed)
            if not scope["path"].startswith(_QUIET) or status >= 400:
                _log.log(
                    logging.ERROR if status >= 500 and status != 503 else logging.INFO,
                    "%s %s %s",
                    method,
                    scope["path"],
                    status,
                    extra={
                        "method": method,
                        "path": scope["path"],
                        "route": route,
                        "status": status,
                        "seconds": round(seconds, 6),
                        "who": _who(scope),
                        "client": (scope.get("client") or ("",))[0],
                    },
                )
            _current.reset(token)


def _id_of(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _PLAIN.match(given) else secrets.token_hex(8)


def _route_of(scope: Scope) -> str:
    """Return the route's pattern: paths themselves are as many as there are inspections, and strangers make up more."""
    if "endpoint" not in scope:
        return "other"
    if scope.get("root_path"):
        return f"{scope['root_path']}/..."
    # The route itself knows only what stands behind the prefix of its router.
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = f"{path}/".replace(f"/{value}/", f"/{{{name}}}/", 1)[:-1]
    return path


def _who(scope: Scope) -> str:
    seen = scope["state"].get("seen")
    return str(seen.visitor.name) if seen is not None else ""
