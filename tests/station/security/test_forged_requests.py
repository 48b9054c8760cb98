"""What another site's page can make a browser send, and what it cannot get done with it."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from patchsieve.station.security import Role, csrf_of, new_secret
from patchsieve.station.services.accounts import Accounts

Visit = Callable[..., TestClient]
HERE = "http://127.0.0.1:8420"
PAGE = {"Accept": "text/html"}
FROM_HERE = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}


def csrf(client: TestClient) -> str:
    return csrf_of(client.cookies["patchsieve-8420"])


@pytest.fixture(params=["local", "user"])
def browser(request: pytest.FixtureRequest, visit: Visit, logged_in: Visit) -> TestClient:
    """A browser that has a page of the station open: at the machine without users, and of a user."""
    client = visit()
    if request.param == "user":
        return logged_in(client)
    client.get("/page", headers=PAGE)
    return client


def test_a_form_with_its_token_is_taken(browser: TestClient) -> None:
    sent = browser.post("/form", data={"what": "x", "csrf": csrf(browser)}, headers=FROM_HERE)
    assert sent.json()[1] == "x"
    files = {"image": ("part.png", b"pixels")}
    sent = browser.post("/upload", data={"csrf": csrf(browser)}, files=files, headers=FROM_HERE)
    assert sent.json()[1] == "pixels"


def test_a_script_sends_the_token_in_a_header(browser: TestClient) -> None:
    headers = {**FROM_HERE, "X-CSRF-Token": csrf(browser)}
    assert browser.post("/api/v1/json", json={"a": "b"}, headers=headers).json()[1] == {"a": "b"}
    assert browser.post("/form", data={"what": "x"}, headers=headers).json()[1] == "x"


@pytest.mark.parametrize(
    "token", [None, "", "0" * 64, pytest.param(csrf_of(new_secret()), id="of another session")]
)
def test_without_the_right_token_nothing_is_done(browser: TestClient, token: str | None) -> None:
    data = {"what": "x"} if token is None else {"what": "x", "csrf": token}
    assert browser.post("/form", data=data, headers=FROM_HERE).status_code == 403
    assert browser.post("/form", data=data).status_code == 403
    headers = FROM_HERE if token is None else {**FROM_HERE, "X-CSRF-Token": token}
    assert browser.post("/api/v1/json", json={"a": "b"}, headers=headers).status_code == 403
    # A cookie makes a request of the API a browser's, whatever else it sends.
    assert browser.post("/api/v1/json", json={"a": "b"}).status_code == 403


def test_a_file_is_no_token(browser: TestClient) -> None:
    files = {"csrf": ("csrf", csrf(browser).encode()), "image": ("part.png", b"pixels")}
    assert browser.post("/upload", files=files, headers=FROM_HERE).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "http://localhost:8420",
        "http://127.0.0.1:8420.evil.example",
        "",
        "http://[",
    ],
)
def test_another_origin_is_refused_even_with_the_token(browser: TestClient, origin: str) -> None:
    sent = browser.post("/form", data={"what": "x", "csrf": csrf(browser)}, headers={"Origin": origin})
    assert sent.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
def test_another_site_is_refused_even_with_the_token(browser: TestClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert (
        browser.post("/form", data={"what": "x", "csrf": csrf(browser)}, headers=headers).status_code == 403
    )


@pytest.mark.parametrize(
    "headers", [{"Origin": HERE}, {"Sec-Fetch-Site": "none"}, {"Referer": HERE + "/page"}]
)
def test_at_this_machine_a_browser_without_a_cookie_needs_the_token_too(
    visit: Visit, headers: dict[str, str]
) -> None:
    assert visit().post("/api/v1/json", json={"a": "b"}, headers=headers).status_code == 403


def test_a_login_form_cannot_be_sent_by_another_site(visit: Visit) -> None:
    client = visit("192.168.1.20")
    assert client.post("/login", data={"name": "attacker"}).status_code == 403
    client.get("/login", headers=PAGE)
    assert client.post("/login", data={"name": "attacker"}).status_code == 403
    assert client.post("/login", data={"name": "mei", "csrf": csrf(client)}).json() == "mei"


def test_a_token_of_the_api_is_sent_by_no_browser_on_its_own(visit: Visit, accounts: Accounts) -> None:
    _, secret = accounts.tokens.create("camera", Role.ENGINEER, by="local")
    headers = {"Authorization": f"Bearer {secret}", "Origin": "http://mes.example"}
    assert visit().post("/api/v1/json", json={"a": "b"}, headers=headers).status_code == 200


def test_the_token_of_one_login_is_none_of_another(visit: Visit, logged_in: Visit) -> None:
    client = logged_in(visit(), "mei", Role.OPERATOR)
    meis = csrf(client)
    logged_in(client, "first")
    assert client.post("/form", data={"what": "x", "csrf": meis}, headers=FROM_HERE).status_code == 403


def test_reading_needs_no_token(browser: TestClient) -> None:
    assert browser.get("/page", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
