"""Logging in and out, users, tokens and the audit, as a browser does it."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from patchsieve.station import StationSettings
from patchsieve.station.app import create_app
from patchsieve.station.running import Station
from patchsieve.station.security import csrf_of, passwords

PASSWORD = "correct horse battery"
COOKIE = "patchsieve-8420"


class Browser:
    """Fills in forms, with the token that the page has."""

    def __init__(self, app: Any) -> None:
        self.station: Station = app.state.station
        self.client = TestClient(
            app,
            base_url="http://127.0.0.1:8420",
            client=("127.0.0.1", 50000),
            follow_redirects=False,
            headers={"Accept": "text/html", "Accept-Language": "en"},
        )

    @property
    def secret(self) -> str:
        return self.client.cookies.get(COOKIE, "")

    def see(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.headers
        return answer.text

    def send(self, path: str, status: int = 303, **fields: str) -> Any:
        answer = self.client.post(path, data={**fields, "csrf": csrf_of(self.secret)})
        assert answer.status_code == status, answer.text
        return answer

    def log_in(self, name: str, password: str = PASSWORD, to: str = "/") -> None:
        self.see("/login")
        assert self.send("/login", name=name, password=password, next=to).headers["location"] == to


@pytest.fixture
def app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A station without models, whose password hashes take a millisecond."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    made = create_app(StationSettings(data_dir=tmp_path / "station"))
    with TestClient(made):
        yield made


@pytest.fixture
def browser(app: Any) -> Browser:
    """A browser at the machine itself."""
    return Browser(app)


def test_from_nobody_to_users_who_log_in(browser: Browser) -> None:
    assert "nobody needs to log in here" in browser.see("/people")
    assert (
        "has to be an engineer"
        in browser.send("/people/users", 422, name="mei", password=PASSWORD, role="operator").text
    )
    assert browser.send("/people/users", name="ada", password=PASSWORD, role="engineer").headers[
        "location"
    ] == ("/people?told=added")
    assert browser.client.get("/people").headers["location"] == "/login?next=/people"
    assert 'href="/history"' not in browser.see("/login")
    before = browser.secret
    browser.log_in("ada", to="/people?told=added")
    assert browser.secret != before
    page = browser.see("/people?told=added")
    assert "The user can log in now." in page
    assert PASSWORD not in page


def test_the_secret_that_was_there_before_the_login_opens_nothing(app: Any, browser: Browser) -> None:
    """Session fixation: somebody has put a cookie into the victim's browser and waits for the login."""
    browser.see("/me")
    browser.send("/people/users", name="ada", password=PASSWORD, role="engineer")
    planted = browser.secret
    browser.log_in("ada")
    attacker = Browser(app)
    attacker.client.cookies.set(COOKIE, planted)
    assert attacker.client.get("/me").status_code == 303
    assert "ada" in browser.see("/me")


def test_a_wrong_password_is_said_in_words_and_slowed_down(browser: Browser) -> None:
    browser.station.accounts.add("ada", PASSWORD, role_of("engineer"), by="command")
    browser.see("/login")
    for _ in range(5):
        answer = browser.send("/login", 401, name="ada", password="wrong wrong", next="/history")
        assert "the name or the password is wrong" in answer.text
        assert 'value="/history"' in answer.text
        assert "wrong wrong" not in answer.text
    answer = browser.send("/login", 429, name="ada", password=PASSWORD)
    assert int(answer.headers["Retry-After"]) >= 1
    assert COOKIE not in answer.headers.get("set-cookie", "")


def test_the_login_leads_to_no_other_site(browser: Browser) -> None:
    browser.station.accounts.add("ada", PASSWORD, role_of("engineer"), by="command")
    browser.see("/login")
    for away in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = browser.send("/login", name="ada", password=PASSWORD, next=away)
        assert answer.headers["location"] == "/"
        assert browser.client.get("/login", params={"next": away}).headers["location"] == "/"


def test_logging_out_here_and_everywhere(app: Any, browser: Browser) -> None:
    browser.station.accounts.add("ada", PASSWORD, role_of("engineer"), by="command")
    other = Browser(app)
    for each in (browser, other):
        each.log_in("ada")
    secret = browser.secret
    assert browser.send("/logout").headers["location"] == "/login"
    assert browser.station.accounts.visitor_of_login(secret) is None
    assert browser.secret == ""
    browser.log_in("ada")
    browser.send("/logout", everywhere="1")
    assert other.client.get("/me").status_code == 303


def test_ones_own_password(browser: Browser) -> None:
    browser.station.accounts.add("ada", PASSWORD, role_of("engineer"), by="command")
    browser.log_in("ada")
    new = "another good password"
    assert "not the same" in browser.send("/me/password", 422, old=PASSWORD, new=new, again=new + "x").text
    assert "wrong" in browser.send("/me/password", 401, old="wrong", new=new, again=new).text
    assert "too short" in browser.send("/me/password", 422, old=PASSWORD, new="short", again="short").text
    assert browser.send("/me/password", old=PASSWORD, new=new, again=new).headers["location"] == "/login"
    assert browser.client.get("/me").status_code == 303
    browser.log_in("ada", new)


def test_without_users_there_is_no_password_to_change(browser: Browser) -> None:
    browser.see("/me")
    answer = browser.send("/me/password", 422, old=PASSWORD, new=PASSWORD, again=PASSWORD)
    assert "only a user who has logged in" in answer.text


def test_users_are_changed_and_the_audit_tells(browser: Browser) -> None:
    browser.station.accounts.add("ada", PASSWORD, role_of("engineer"), by="command")
    browser.log_in("ada")
    browser.send("/people/users", name="王芳", password=PASSWORD, role="viewer")
    changes = {
        "role": ({"role": "operator"}, "role"),
        "password": ({"password": "another good password"}, "password"),
        "log-out": ({}, "logged-out"),
        "disable": ({}, "disabled"),
        "enable": ({}, "enabled"),
    }
    for what, (fields, told) in changes.items():
        answer = browser.send(f"/people/users/{what}", name="王芳", **fields)
        assert answer.headers["location"] == f"/people?told={told}"
        assert 'role="status"' in browser.see(answer.headers["location"])
    assert "last engineer" in browser.send("/people/users/disable", 409, name="ada").text
    assert "there is no user bo" in browser.send("/people/users/enable", 404, name="bo").text
    assert "there is no role king" in browser.send("/people/users/role", 422, name="ada", role="king").text
    browser.send("/people/users/promote", 422, name="ada")
    page = browser.see("/audit")
    changes = ("user added", "role changed", "password changed", "user disabled", "user enabled")
    for action in (*changes, "logged out everywhere"):
        assert f"<td>{action}</td>" in page
    assert "another good password" not in page
    only = browser.see("/audit?action=user.role")
    assert "<td>role changed</td>" in only
    assert "<td>user added</td>" not in only


def test_the_audit_has_pages(browser: Browser) -> None:
    for number in range(120):
        browser.station.accounts.tokens.create(f"camera {number}", role_of("viewer"), by="local")

    def turned(page: str, where: str) -> str:
        (address,) = re.findall(rf'rel="{where}" href="([^"]*)"', page)
        return browser.see(address.replace("&amp;", "&"))

    first = browser.see("/audit?action=token.create")
    second = turned(first, "next")
    third = turned(second, "next")
    pages = [re.findall(r">camera (\d+)<", page) for page in (first, second, third)]
    assert list(chain(*pages)) == [str(number) for number in reversed(range(120))]
    assert 'rel="next"' not in third
    assert re.findall(r">camera (\d+)<", turned(third, "prev")) == pages[1]
    # The page before is the first: at its own address, with nothing before it.
    back = turned(second, "prev")
    assert re.findall(r">camera (\d+)<", back) == pages[0]
    assert 'rel="prev"' not in back


def test_a_token_is_shown_once_works_and_is_revoked(browser: Browser) -> None:
    browser.see("/people")
    page = browser.send("/people/tokens", 200, name="camera", role="operator").text
    (secret,) = re.findall(r'value="(patchsieve_[\w-]{43})"', page)
    assert secret not in browser.see("/people")
    program = TestClient(browser.client.app, base_url="http://127.0.0.1:8420")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/v1/lines", headers=bearer).status_code == 200
    assert program.get("/people", headers=bearer).status_code == 403
    (token,) = browser.station.accounts.tokens.list()
    assert (
        "there is a token camera already"
        in browser.send("/people/tokens", 409, name="camera", role="viewer").text
    )
    browser.send("/people/tokens/revoke", token=token.id)
    assert program.get("/api/v1/lines", headers=bearer).status_code == 401


def test_names_are_text_and_never_markup(browser: Browser) -> None:
    browser.see("/people")
    browser.send("/people/tokens", 200, name="<script>alert(1)</script>", role="viewer")
    for path in ("/people", "/audit"):
        assert "<script>alert" not in browser.see(path)


def test_the_language_is_switched_and_stays(browser: Browser) -> None:
    assert '<html lang="en"' in browser.see("/people?told=role")
    answer = browser.send("/language", language="zh", next="/people?told=role")
    assert answer.headers["location"] == "/people?told=role"
    page = browser.see("/people?told=role")
    assert '<html lang="zh-Hans"' in page
    assert "角色已更改" in page
    assert (
        "至少 10 个字符"
        in browser.send("/people/users", 422, name="ada", password="short", role="engineer").text
    )
    assert browser.send("/language", language="xx", next="//evil.example").headers["location"] == "/"
    assert '<html lang="zh-Hans"' in browser.see(
        "/login?next=/me" if browser.station.accounts.any_users() else "/me"
    )


def role_of(value: str) -> Any:
    from patchsieve.station.security import Role

    return Role(value)
