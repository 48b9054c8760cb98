import io
import sys

import pytest

from patchsieve.station.services.accounts import Accounts
from patchsieve.station.services.audit import Audit
from patchsieve.station.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
def users(patchsieve, tmp_path, monkeypatch):
    """Run `patchsieve users ...` on a station of its own; what is typed comes from standard input."""

    def run(*arguments: str, typed: str = ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return patchsieve("users", *arguments, "--data", tmp_path / "station")

    return run


def test_a_user_from_the_first_to_the_last_day(users, tmp_path) -> None:
    assert "no users" in users("list").out
    assert users("add", "Ada", "--role", "engineer", typed=PASSWORD + "\n").code == 0
    assert users("add", "王芳", "--role", "viewer", typed=PASSWORD + "\r\n").code == 0
    assert users("role", "王芳", "operator").code == 0
    assert users("password", "王芳", typed="另一个很好的密码 2026\n").code == 0
    assert users("disable", "王芳").code == 0
    listed = users("list").out
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["ada", "engineer"],
        ["王芳", "operator"],
    ]
    assert "disabled" in listed
    assert users("enable", "王芳").code == 0
    store = Store.open(tmp_path / "station")
    assert (
        Accounts(store).log_in("王芳", "另一个很好的密码 2026", address="here").user.role.value == "operator"
    )
    done = [(entry.who, entry.action) for entry in Audit(store).entries()]
    store.close()
    assert done[1:] == [
        ("command", f"user.{action}") for action in ("enable", "disable", "password", "role", "add", "add")
    ]
    assert PASSWORD not in listed


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("add", "ada", "--role", "engineer"), "short\n", "too short"),
        (("add", "ada", "--role", "engineer"), "", "too short"),
        (("add", "ada", "--role", "viewer"), PASSWORD, "engineer"),
        (("add", "a b", "--role", "engineer"), PASSWORD, "name"),
        (("disable", "bo"), "", "no user bo"),
        (("add", "ada", "--role", "king"), PASSWORD, "king"),
    ],
)
def test_what_cannot_be_is_said_in_words(users, arguments, typed, words) -> None:
    finished = users(*arguments, typed=typed)
    assert finished.code == 2
    assert words in finished.err
    assert "Traceback" not in finished.err
