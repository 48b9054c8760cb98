import secrets
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from patchsieve.errors import ConfigError
from patchsieve.station import StationSettings
from patchsieve.station.security import SECURITY_HEADERS, Role, csrf_of, require_safe_start
from patchsieve.station.services.accounts import Accounts

Visit = Callable[..., TestClient]
PAGE = {"Accept": "text/html"}
TOKEN = secrets.token_urlsafe(32)
PASSWORD = "correct horse battery"


def test_without_users_this_machine_is_the_engineer(visit: Visit) -> None:
    client = visit()
    assert client.get("/page").text.startswith("local")
    assert client.post("/api/v1/json", json={"a": "b"}).json() == ["local", {"a": "b"}]


def test_with_a_user_this_machine_has_to_log_in(visit: Visit, accounts: Accounts) -> None:
    client = visit()
    accounts.add("mei", PASSWORD, Role.ENGINEER, by="command")
    assert client.get("/page").status_code == 401


def test_with_a_token_this_machine_needs_it(visit: Visit) -> None:
    client = visit(token=SecretStr(TOKEN))
    assert client.get("/page").status_code == 401
    assert client.get("/page", headers={"Authorization": f"Bearer {TOKEN}"}).text.startswith("token:serve")
    assert client.get("/page", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"])
def test_what_a_proxy_passes_on_is_not_local(visit: Visit, header: str) -> None:
    assert visit().get("/page", headers={header: "1"}).status_code == 401


def test_another_machine_is_not_local(visit: Visit) -> None:
    assert visit("192.168.1.20").get("/page").status_code == 401
    assert visit("testclient").get("/page").status_code == 401


def test_a_station_on_the_network_has_nobody_local(visit: Visit) -> None:
    assert visit(host="0.0.0.0").get("/page").status_code == 401


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8420", "localhost:8420", "LOCALHOST", "[::1]:8420", "localhost.", "127.0.0.5"]
)
def test_names_of_this_machine_are_known(visit: Visit, host: str) -> None:
    assert visit().get("/page", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8420",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "",
        "a:b:c",
        "[::1",
        "localhost/",
    ],
)
def test_a_name_that_points_here_without_our_knowledge_is_refused(visit: Visit, host: str) -> None:
    """DNS rebinding: a page of evil.example lets its own name point to 127.0.0.1 and asks as its own site."""
    answer = visit().get("/page", headers={"Host": host})
    assert answer.status_code == 421
    assert "--host-name" in answer.json()["detail"]


def test_a_host_name_can_be_allowed(visit: Visit, logged_in: Visit) -> None:
    client = logged_in(visit(host_names=("Line7.example",)))
    assert client.get("/page", headers={"Host": "line7.example"}).status_code == 200
    assert client.get("/page", headers={"Host": "line8.example"}).status_code == 421
    # Known, but no name of this machine: whoever calls it so may come through a proxy.
    assert (
        visit(host_names=("line7.example",)).get("/page", headers={"Host": "line7.example"}).status_code
        == 401
    )


def test_on_the_network_any_name_is_good_until_one_is_given(visit: Visit) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    network = {"host": "0.0.0.0", "token": SecretStr(TOKEN)}
    assert visit(**network).get("/page", headers={**bearer, "Host": "line7:8420"}).status_code == 200
    named = visit(**network, host_names=("line7",))
    assert named.get("/page", headers={**bearer, "Host": "line7:8420"}).status_code == 200
    assert named.get("/page", headers={**bearer, "Host": "line8:8420"}).status_code == 421


def test_a_stranger_is_led_to_the_login_or_told_to_send_a_token(visit: Visit) -> None:
    client = visit("192.168.1.20")
    to_login = client.get("/history?verdict=defect&page=2", headers=PAGE)
    assert (to_login.status_code, to_login.headers["location"]) == (
        303,
        "/login?next=/history%3Fverdict%3Ddefect%26page%3D2",
    )
    refused = client.get("/api/v1/lines")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/login", headers=PAGE).status_code == 200


def test_a_strangers_body_is_not_read(visit: Visit) -> None:
    read = []

    def body() -> object:
        read.append(1)
        yield b"x"

    assert visit("192.168.1.20").post("/upload", content=body()).status_code == 401  # type: ignore[arg-type]
    # The test's client hands a body over in one piece; what matters is that no route saw it, whatever is missing.
    assert visit("192.168.1.20").post("/no/such/route", content=b"x").status_code == 401


def test_a_bad_token_is_no_visitor_even_beside_a_good_cookie(visit: Visit, logged_in: Visit) -> None:
    client = logged_in(visit())
    assert client.get("/page").status_code == 200
    for wrong in ("Bearer nothing", "bearer ", "Bearer"):
        assert client.get("/page", headers={"Authorization": wrong}).status_code == 401


def test_roles_are_in_order(visit: Visit, accounts: Accounts) -> None:
    client = visit()
    allowed = {}
    for role in Role:
        _, secret = accounts.tokens.create(role.value, role, by="local")
        bearer = {"Authorization": f"Bearer {secret}"}
        allowed[role] = [
            client.get("/page", headers=bearer).status_code,
            client.post("/form", data={"what": "x"}, headers=bearer).status_code,
            client.post("/api/v1/json", json={"a": "b"}, headers=bearer).status_code,
        ]
    assert allowed == {
        Role.VIEWER: [200, 403, 403],
        Role.OPERATOR: [200, 200, 403],
        Role.ENGINEER: [200, 200, 200],
    }


@pytest.mark.parametrize("path", ["/page", "/login", "/nothing", "/broken", "/form", "/api/v1/json"])
@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.20"])
def test_every_answer_carries_the_headers(visit: Visit, path: str, address: str) -> None:
    answer = visit(address).get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers
    if path == "/broken" and address == "127.0.0.1":
        assert answer.status_code == 500
        assert "defect of ours" not in answer.text


def test_with_tls_the_cookie_is_secure_and_the_browser_is_told_to_stay(visit: Visit) -> None:
    plain = visit().get("/page", headers=PAGE)
    assert "Secure" not in plain.headers["set-cookie"]
    secure = visit(base_url="https://127.0.0.1:8420").get("/page", headers=PAGE)
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=")
    assert secure.headers["set-cookie"].startswith("__Host-patchsieve=")
    for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert attribute in secure.headers["set-cookie"]
    assert "Domain" not in secure.headers["set-cookie"]


def test_a_browsers_first_page_brings_a_cookie_that_fits_the_pages_token(visit: Visit) -> None:
    client = visit()
    first = client.get("/page", headers=PAGE)
    secret = client.cookies["patchsieve-8420"]
    assert len(secret) >= 43
    assert first.text == f"local {csrf_of(secret)}"
    assert secret not in first.text
    assert "set-cookie" not in client.get("/page", headers=PAGE).headers
    assert "set-cookie" not in visit().get("/page").headers


def test_a_door_to_the_network_is_not_opened_for_everybody(accounts: Accounts) -> None:
    require_safe_start(StationSettings(), accounts)
    require_safe_start(StationSettings(host="localhost"), accounts)
    require_safe_start(StationSettings(host="0.0.0.0", token=SecretStr(TOKEN)), accounts)
    for host in ("0.0.0.0", "::", "192.168.1.20", "line7.example"):
        with pytest.raises(ConfigError, match="users add"):
            require_safe_start(StationSettings(host=host), accounts)
    with pytest.raises(ConfigError, match="guessed"):
        require_safe_start(StationSettings(token=SecretStr("line7")), accounts)
    accounts.add("mei", PASSWORD, Role.ENGINEER, by="command")
    require_safe_start(StationSettings(host="0.0.0.0"), accounts)
