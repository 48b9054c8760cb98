"""All routes of the real application, whoever adds them: each says whom it is for, and refuses the others."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from patchsieve.station import StationSettings
from patchsieve.station.app import create_app
from patchsieve.station.running import Station
from patchsieve.station.security import SECURITY_HEADERS, Role
from patchsieve.station.security.access import Required

OPEN = {"/login", "/language", "/healthz", "/readyz", "/favicon.ico"}
SAFE = {"GET", "HEAD"}
# What a viewer may change: only what is the viewer's own.
OWN = {"/login", "/logout", "/language", "/me/password"}
# What an operator may not even look at, and what only an engineer may change.
ENGINEERS_PAGES = ("/people", "/audit")
ENGINEERS_CHANGES = re.compile(
    r"^/(people|audit|threshold|retention|review|versions)\b|/(switch|rollback|operating-points|jobs|suspects|marks)\b"
)
PASSWORD = "correct horse battery"


class Door(NamedTuple):
    """One method of one route."""

    method: str
    path: str
    role: Role | None
    said: bool

    @property
    def address(self) -> str:
        """An address that leads there."""
        return re.sub(r"\{[^}]*\}", "1", self.path)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The real application, without a model."""
    made = create_app(StationSettings(data_dir=tmp_path_factory.mktemp("station")))
    with TestClient(made):
        yield made


@pytest.fixture(scope="module")
def doors(app: FastAPI) -> list[Door]:
    """Every method of every route, but for the static files, which are for everybody."""
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.route, Mount):
            assert context.path == "/static"
            continue
        dependant = getattr(context, "dependant", None)
        calls = [dependency.call for dependency in dependant.dependencies] if dependant else []
        required = [call for call in calls if isinstance(call, Required)]
        for method in sorted(context.methods or ()):
            found.append(
                Door(method, context.path, required[0].role if required else None, len(required) == 1)
            )
    return found


@pytest.fixture(scope="module")
def token_of(app: FastAPI) -> dict[Role, dict[str, str]]:
    """Headers of a program in each role."""
    station: Station = app.state.station
    return {
        role: {"Authorization": f"Bearer {station.accounts.tokens.create(role.value, role, by='local')[1]}"}
        for role in Role
    }


def client(app: FastAPI, address: str = "127.0.0.1") -> TestClient:
    return TestClient(
        app,
        base_url="http://127.0.0.1:8420",
        client=(address, 50000),
        follow_redirects=False,
        raise_server_exceptions=False,
    )


def test_every_route_says_whom_it_is_for(doors: list[Door]) -> None:
    assert len(doors) > 10
    silent = {door.path for door in doors if not door.said}
    # FastAPI's own route; the guard lets no stranger to it.
    assert silent <= {"/api/v1/openapi.json"}
    assert {door.path for door in doors if door.said and door.role is None} <= OPEN


def test_roles_are_as_the_manual_has_them(doors: list[Door]) -> None:
    for door in doors:
        if door.path.startswith(ENGINEERS_PAGES):
            assert door.role is Role.ENGINEER, door
        elif door.method not in SAFE and door.path not in OWN:
            least = Role.ENGINEER if ENGINEERS_CHANGES.search(door.path) else Role.OPERATOR
            assert door.role is not None, door
            assert door.role.includes(least), door


def test_a_stranger_gets_nothing_anywhere(app: FastAPI, doors: list[Door]) -> None:
    stranger = client(app, "192.168.1.20")
    for door in doors:
        for accept in ("text/html", "*/*"):
            answer = stranger.request(door.method, door.address, headers={"Accept": accept})
            if door.path in OPEN:
                assert answer.status_code != 401, door
            elif answer.status_code == 303:
                assert answer.headers["location"].startswith("/login?next=/"), door
            else:
                assert answer.status_code == 401, door
            assert all(answer.headers[name] == value for name, value in SECURITY_HEADERS.items()), door


def test_a_role_too_low_is_refused_everywhere(
    app: FastAPI, doors: list[Door], token_of: dict[Role, dict[str, str]]
) -> None:
    program = client(app)
    tried = 0
    for door in doors:
        for role in Role:
            if door.role is not None and not role.includes(door.role):
                answer = program.request(door.method, door.address, headers=token_of[role])
                assert answer.status_code == 403, (door, role)
                tried += 1
    assert tried > 5


def test_nothing_changes_by_a_request_that_another_page_sends(app: FastAPI, doors: list[Door]) -> None:
    """With the cookie of a user who may do everything, but without the token: with a form, with a script."""
    station: Station = app.state.station
    if not station.accounts.any_users():
        station.accounts.add("ada", PASSWORD, Role.ENGINEER, by="command")
    login = station.accounts.log_in("ada", PASSWORD, address="here")
    browser = client(app)
    browser.cookies.set("patchsieve-8420", login.secret)
    assert browser.get("/api/v1/openapi.json").status_code == 200
    entries = len(station.audit.entries(limit=1000))
    for door in doors:
        if door.method in SAFE:
            continue
        for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for body in ({"data": {"name": "x", "role": "viewer"}}, {"json": {"version": 1}}):
                answer = browser.request(door.method, door.address, headers=headers, **body)  # type: ignore[arg-type]
                assert answer.status_code == 403, (door, headers)
    assert len(station.audit.entries(limit=1000)) == entries
    assert station.accounts.visitor_of_login(login.secret) is not None


def test_a_path_that_does_not_exist_tells_a_stranger_no_more_than_one_that_does(app: FastAPI) -> None:
    stranger = client(app, "192.168.1.20")
    answers = [
        stranger.get(path)
        for path in ("/api/v1/lines", "/api/v1/nothing", "/../etc/passwd", "//evil.example")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
