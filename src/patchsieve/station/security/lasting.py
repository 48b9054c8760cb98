"""Answers that last, such as streams of events: they end when whoever asked may not ask any more."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from patchsieve.station.security.guard import Seen
from patchsieve.station.security.roles import Role

_EVERY_SECONDS = 2.0


async def while_permitted(request: Request, role: Role, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass the parts of an answer on until they end; or the login or the token of the request does, or loses the role.

    That is looked at every two seconds, parts or none: users and tokens are changed from elsewhere too.
    """
    seen: Seen = request.state.seen
    looked = monotonic()
    coming = asyncio.create_task(_next(parts))
    try:
        while True:
            await asyncio.wait({coming}, timeout=looked + _EVERY_SECONDS - monotonic())
            if monotonic() - looked >= _EVERY_SECONDS:
                visitor = await run_in_threadpool(seen.again)
                if visitor is None or not visitor.may(role):
                    return
                looked = monotonic()
            if coming.done():
                part = coming.result()
                if part is None:
                    return
                yield part
                coming = asyncio.create_task(_next(parts))
    finally:
        coming.cancel()


async def _next(parts: AsyncIterator[bytes]) -> bytes | None:
    return await anext(parts, None)
