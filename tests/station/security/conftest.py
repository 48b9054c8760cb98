"""A small application behind the real guard, with real accounts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.testclient import TestClient

from patchsieve.station import StationSettings
from patchsieve.station.errors import StationError
from patchsieve.station.security import Role, Visitor, install, passwords, require
from patchsieve.station.services.accounts import Accounts
from patchsieve.station.store import Store

PASSWORD = "correct horse battery"
HERE = "http://127.0.0.1:8420"


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    """Accounts in a database of their own, with hashes that take a millisecond (but for the tests of passwords)."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    store = Store.open(tmp_path / "station")
    yield Accounts(store)
    store.close()


def small_application(accounts: Accounts, settings: StationSettings) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/page")
    def page(request: Request, visitor: Annotated[Visitor, require(Role.VIEWER)]) -> HTMLResponse:
        return HTMLResponse(f"{visitor.name} {request.state.csrf}")

    @app.get("/login", dependencies=[require(None)])
    def login(request: Request) -> HTMLResponse:
        return HTMLResponse(request.state.csrf)

    @app.post("/login", dependencies=[require(None)])
    def log_in(name: Annotated[str, Form()]) -> str:
        return name

    @app.post("/form")
    def form(visitor: Annotated[Visitor, require(Role.OPERATOR)], what: Annotated[str, Form()]) -> list[str]:
        return [visitor.name, what]

    @app.post("/upload")
    def upload(
        visitor: Annotated[Visitor, require(Role.OPERATOR)], image: Annotated[UploadFile, File()]
    ) -> list[Any]:
        return [visitor.name, image.file.read().decode()]

    @app.post("/api/v1/json")
    def take(visitor: Annotated[Visitor, require(Role.ENGINEER)], what: dict[str, str]) -> list[Any]:
        return [visitor.name, what]

    @app.get("/broken", dependencies=[require(Role.VIEWER)])
    def broken() -> None:
        raise ValueError("a defect of ours")

    @app.exception_handler(StationError)
    def refuse(_: Request, error: StationError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status, error.headers)

    install(app, settings, lambda: accounts)
    return app


@pytest.fixture
def visit(accounts: Accounts) -> Callable[..., TestClient]:
    """Give a browser or program: at this machine, or with `address` elsewhere; settings may follow."""

    def make(address: str = "127.0.0.1", base_url: str = HERE, **settings: Any) -> TestClient:
        app = small_application(accounts, StationSettings(**settings))
        return TestClient(
            app,
            base_url=base_url,
            client=(address, 50000),
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    return make


@pytest.fixture
def logged_in(accounts: Accounts) -> Callable[..., TestClient]:
    """Let a browser hold the cookie of a user who has just logged in; the user is added where there is none."""

    def log_in(client: TestClient, name: str = "mei", role: Role = Role.ENGINEER) -> TestClient:
        if not accounts.any_users():
            accounts.add("first", PASSWORD, Role.ENGINEER, by="command")
        if name not in [user.name for user in accounts.users()]:
            accounts.add(name, PASSWORD, role, by="command")
        login = accounts.log_in(name, PASSWORD, address="127.0.0.1")
        client.cookies.set("patchsieve-8420", login.secret)
        return client

    return log_in
