"""Whether the station lives, and whether it can inspect: for the programs that start, stop and balance servers."""

from anyio import to_thread
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from patchsieve.station.observing.looking import Looking

ALIVE, READY = "/healthz", "/readyz"


class Probes:
    """Answers `/healthz` and `/readyz` before anybody is asked who he is.

    The guard looks people up in the database, which may be what is wrong, and probes come by whatever name the network
    gives the machine.
    """

    def __init__(self, app: ASGIApp, looking: Looking) -> None:
        self._app = app
        self._looking = looking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a probe; all else goes further in."""
        asked = scope["path"] if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if asked == ALIVE:
            await PlainTextResponse("ok\n")(scope, receive, send)
        elif asked == READY:
            wrong = await to_thread.run_sync(self._looking.complaints)
            answer = JSONResponse({"ready": not wrong, "wrong": wrong}, status_code=503 if wrong else 200)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
