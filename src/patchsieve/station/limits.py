"""A request's body has a limit, whether it says its length or not."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from patchsieve.station.errors import TooLarge
from patchsieve.station.problems import problem


class BodyLimit:
    """Refuse bodies that are too long: at once by what they say of themselves, or when the limit is passed."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and count what it brings."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > self._max_bytes:
            await problem(TooLarge(self._words))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                # This and no other error passes through what reads bodies as it is.
                raise HTTPException(TooLarge.status, self._words)
            return message

        await self._app(scope, counted, send)

    @property
    def _words(self) -> str:
        return f"the request is longer than {self._max_bytes} bytes; send fewer or smaller images at once"
