from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from patchsieve.station.errors import Busy, Conflict, Invalid, NotFound, Unauthenticated
from patchsieve.station.security import Role, hash_secret, passwords
from patchsieve.station.services import accounts as module
from patchsieve.station.services.accounts import IDLE, LONGEST, Accounts
from patchsieve.station.services.audit import Audit
from patchsieve.station.store import Store
from patchsieve.station.store.tables import LoginRow, UserRow

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@pytest.fixture
def accounts(store: Store, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Accounts with one engineer, ada."""
    monkeypatch.setattr(passwords, "_hasher", QUICK)
    made = Accounts(store)
    made.add("Ada", PASSWORD, Role.ENGINEER, by="command")
    return made


@pytest.fixture
def tell_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Set the accounts' clock so much ahead."""

    def ahead(by: timedelta) -> None:
        monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + by)

    return ahead


def test_only_hashes_are_kept(accounts: Accounts, store: Store, tmp_path: Path) -> None:
    login = accounts.log_in("ada", PASSWORD, address="here")
    with store.reading() as session:
        user = session.scalars(select(UserRow)).one()
        assert user.password_hash.startswith("$argon2id$")
        assert session.scalars(select(LoginRow.token_hash)).one() == hash_secret(login.secret)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "station").iterdir() if path.is_file())
    assert login.secret.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_a_login_lasts_while_it_is_used_but_not_for_ever(
    accounts: Accounts, tell_time: Callable[[timedelta], None]
) -> None:
    secret = accounts.log_in("ada", PASSWORD, address="here").secret
    assert accounts.visitor_of_login(secret + "x") is None
    step, elapsed = timedelta(hours=11), timedelta()
    while elapsed + step < LONGEST:
        elapsed += step
        tell_time(elapsed)
        visitor = accounts.visitor_of_login(secret)
        assert visitor is not None
        assert (visitor.name, visitor.role, visitor.via) == ("ada", Role.ENGINEER, "session")
    tell_time(LONGEST + timedelta(seconds=5))
    assert accounts.visitor_of_login(secret) is None


def test_a_login_that_is_not_used_ends(accounts: Accounts, tell_time: Callable[[timedelta], None]) -> None:
    secret = accounts.log_in("ada", PASSWORD, address="here").secret
    tell_time(IDLE + timedelta(seconds=5))
    assert accounts.visitor_of_login(secret) is None


def test_every_login_has_a_new_secret_and_ends_the_one_it_replaces(accounts: Accounts, store: Store) -> None:
    planted = "a secret that somebody else has put there"
    first = accounts.log_in("ada", PASSWORD, address="here", instead_of=planted)
    assert first.secret != planted
    assert accounts.visitor_of_login(planted) is None
    second = accounts.log_in("ada", PASSWORD, address="here", instead_of=first.secret)
    assert accounts.visitor_of_login(first.secret) is None
    assert accounts.visitor_of_login(second.secret) is not None
    with store.reading() as session:
        assert len(session.scalars(select(LoginRow)).all()) == 1


def test_logging_out_here_and_everywhere(accounts: Accounts) -> None:
    here, there, elsewhere = (accounts.log_in("ada", PASSWORD, address="here").secret for _ in range(3))
    accounts.log_out(here)
    accounts.log_out(here)
    assert [accounts.visitor_of_login(secret) is None for secret in (here, there, elsewhere)] == [
        True,
        False,
        False,
    ]
    assert accounts.log_out_everywhere("ada", by="ada") == 2
    assert accounts.visitor_of_login(there) is None


def test_a_new_password_or_being_disabled_ends_all_logins(accounts: Accounts) -> None:
    accounts.add("mei", PASSWORD, Role.OPERATOR, by="ada")
    before = accounts.log_in("mei", PASSWORD, address="here").secret
    accounts.set_password("mei", "another good password", by="ada")
    assert accounts.visitor_of_login(before) is None
    with pytest.raises(Unauthenticated):
        accounts.log_in("mei", PASSWORD, address="here")
    after = accounts.log_in("mei", "another good password", address="here").secret
    accounts.disable("mei", by="ada")
    assert accounts.visitor_of_login(after) is None
    with pytest.raises(Unauthenticated, match="name or the password"):
        accounts.log_in("mei", "another good password", address="here")
    accounts.enable("mei", by="ada")
    assert accounts.log_in("mei", "another good password", address="here").user.name == "mei"


def test_a_role_counts_from_the_next_request_on(accounts: Accounts) -> None:
    accounts.add("mei", PASSWORD, Role.VIEWER, by="ada")
    secret = accounts.log_in("mei", PASSWORD, address="here").secret
    accounts.set_role("mei", Role.OPERATOR, by="ada")
    visitor = accounts.visitor_of_login(secret)
    assert visitor is not None
    assert visitor.role is Role.OPERATOR


def test_there_is_always_an_engineer(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("mei", PASSWORD, Role.OPERATOR, by="ada")
    for change in (
        lambda: accounts.disable("ada", by="ada"),
        lambda: accounts.set_role("ada", Role.VIEWER, by="ada"),
    ):
        with pytest.raises(Conflict, match="last engineer"):
            change()
    accounts.set_role("mei", Role.ENGINEER, by="ada")
    accounts.disable("ada", by="mei")
    with pytest.raises(Conflict, match="last engineer"):
        accounts.disable("mei", by="mei")
    empty = Store.open(tmp_path / "empty")
    with pytest.raises(Invalid, match="first user"):
        Accounts(empty).add("mei", PASSWORD, Role.OPERATOR, by="local")
    empty.close()


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a/b", "-a", "local", "LOCAL", "command", "x" * 65, "a\nb", "token:x", "<b>"]
)
def test_what_is_no_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        accounts.add(name, PASSWORD, Role.VIEWER, by="ada")


@pytest.mark.parametrize("name", ["王芳", "mei.lin@line7", "O_2"])
def test_names_are_the_same_in_capitals(accounts: Accounts, name: str) -> None:
    accounts.add(name, PASSWORD, Role.VIEWER, by="ada")
    with pytest.raises(Conflict, match="already"):
        accounts.add(name.upper() + " ", PASSWORD, Role.VIEWER, by="ada")
    assert accounts.log_in(f" {name.upper()}", PASSWORD, address="here").user.name == name.casefold()


def test_guessing_is_slowed_down_also_for_those_who_know_in_the_end(accounts: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            accounts.log_in("ada", "wrong", address="10.6.6.6")
    with pytest.raises(Busy):
        accounts.log_in("ada", PASSWORD, address="10.6.6.6")
    assert accounts.log_in("ada", PASSWORD, address="10.0.0.1")


def test_ones_own_password_needs_the_old_one(accounts: Accounts) -> None:
    with pytest.raises(Unauthenticated):
        accounts.change_own_password("ada", "wrong", "another good password", address="here")
    accounts.change_own_password("ada", PASSWORD, "another good password", address="here")
    assert accounts.log_in("ada", "another good password", address="here")


def test_a_hash_of_yesterdays_strength_is_made_anew_at_login(
    accounts: Accounts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=2048, parallelism=1))
    accounts.log_in("ada", PASSWORD, address="here")
    with store.reading() as session:
        assert "m=2048,t=2" in session.scalars(select(UserRow.password_hash)).one()
    accounts.log_in("ada", PASSWORD, address="here")


def test_who_is_not_there_is_not_found(accounts: Accounts) -> None:
    for change in (
        lambda: accounts.disable("bo", by="ada"),
        lambda: accounts.enable("bo", by="ada"),
        lambda: accounts.set_role("bo", Role.VIEWER, by="ada"),
        lambda: accounts.set_password("bo", PASSWORD, by="ada"),
        lambda: accounts.log_out_everywhere("bo", by="ada"),
    ):
        with pytest.raises(NotFound, match="bo"):
            change()


def test_what_was_done_is_in_the_audit_without_secrets(accounts: Accounts, store: Store) -> None:
    accounts.add("mei", PASSWORD, Role.VIEWER, by="ada")
    accounts.set_role("mei", Role.OPERATOR, by="ada")
    accounts.set_role("mei", Role.OPERATOR, by="ada")
    accounts.set_password("mei", "another good password", by="ada")
    secret = accounts.log_in("mei", "another good password", address="here").secret
    accounts.disable("mei", by="ada")
    entries = Audit(store).entries()
    assert [
        (entry.who, entry.action, entry.subject, entry.before, entry.after) for entry in reversed(entries)
    ] == [
        ("command", "user.add", "ada", None, {"role": "engineer"}),
        ("ada", "user.add", "mei", None, {"role": "viewer"}),
        ("ada", "user.role", "mei", {"role": "viewer"}, {"role": "operator"}),
        ("ada", "user.password", "mei", None, None),
        ("mei", "login", "mei", None, None),
        ("ada", "user.disable", "mei", {"role": "operator"}, None),
    ]
    assert all(word not in str(entries) for word in (secret, PASSWORD, "argon2", "another"))
