"""Streams end with the login or the token that they were asked for with, or when it loses its role."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from patchsieve.station import StationSettings
from patchsieve.station.engine import EventHub
from patchsieve.station.security import Role, install, lasting, require, while_permitted
from patchsieve.station.services.accounts import Accounts

PASSWORD = "correct horse battery"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> EventHub:
    monkeypatch.setattr(lasting, "_EVERY_SECONDS", 0.05)
    return EventHub()


@pytest.fixture
def ask(accounts: Accounts, hub: EventHub) -> Callable[..., None]:
    """Ask for a stream with a header, do something, and see the stream end for it."""
    app = FastAPI()

    @app.get("/events", dependencies=[require(Role.OPERATOR)])
    async def events(request: Request) -> StreamingResponse:
        return StreamingResponse(while_permitted(request, Role.OPERATOR, hub.stream()))

    install(app, StationSettings(), lambda: accounts)

    def ask(header: str, value: str, then: Callable[[], object]) -> None:
        asyncio.run(asked(app, hub, (header.encode(), value.encode()), then))

    return ask


async def asked(app: FastAPI, hub: EventHub, header: tuple[bytes, bytes], then: Callable[[], object]) -> None:
    began = asyncio.Event()
    never = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            began.set()

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/events",
        "raw_path": b"/events",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8420"), header],
        "client": ("10.0.0.9", 50000),
        "server": ("127.0.0.1", 8420),
        "scheme": "http",
    }
    answer = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
    await asyncio.wait_for(began.wait(), 10)
    # As long as nothing has changed it goes on.
    hub.publish("inspection", {"n": 1})
    await asyncio.sleep(0.3)
    assert not answer.done()
    assert b"inspection" in b"".join(message.get("body", b"") for message in sent)
    await asyncio.to_thread(then)
    await asyncio.wait_for(answer, 10)
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    while hub.watchers:
        await asyncio.sleep(0.01)


ENDS: dict[str, Callable[[Accounts, str], object]] = {
    "log out": lambda accounts, secret: accounts.log_out(secret),
    "log out everywhere": lambda accounts, _: accounts.log_out_everywhere("mei", by="ada"),
    "another role": lambda accounts, _: accounts.set_role("mei", Role.VIEWER, by="ada"),
    "another password": lambda accounts, _: accounts.set_password("mei", "another good password", by="ada"),
    "disabled": lambda accounts, _: accounts.disable("mei", by="ada"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_users_stream_ends_with_the_login(
    ask: Callable[..., None], accounts: Accounts, end: Callable[[Accounts, str], object]
) -> None:
    accounts.add("ada", PASSWORD, Role.ENGINEER, by="command")
    accounts.add("mei", PASSWORD, Role.OPERATOR, by="command")
    login = accounts.log_in("mei", PASSWORD, address="10.0.0.9")
    ask("cookie", f"patchsieve-8420={login.secret}", lambda: end(accounts, login.secret))


def test_a_programs_stream_ends_with_its_token(ask: Callable[..., None], accounts: Accounts) -> None:
    token, secret = accounts.tokens.create("wall", Role.OPERATOR, by="ada")
    ask("authorization", f"Bearer {secret}", lambda: accounts.tokens.revoke(token.id, by="ada"))


def test_a_stream_that_ends_by_itself_ends(
    ask: Callable[..., None], accounts: Accounts, hub: EventHub
) -> None:
    _, secret = accounts.tokens.create("wall", Role.ENGINEER, by="ada")
    ask("authorization", f"Bearer {secret}", hub.close)
