from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from patchsieve.station.errors import Conflict, Invalid, NotFound
from patchsieve.station.security import Role, hash_secret
from patchsieve.station.services import tokens as module
from patchsieve.station.services.audit import Audit
from patchsieve.station.services.tokens import Tokens
from patchsieve.station.store import Store
from patchsieve.station.store.tables import TokenRow


def test_a_token_is_shown_once_and_kept_as_a_hash(store: Store) -> None:
    tokens = Tokens(store)
    token, secret = tokens.create("camera 3", Role.OPERATOR, by="ada")
    assert secret.startswith("patchsieve_")
    assert len(secret) >= 54
    assert secret not in str(tokens.list())
    assert secret not in str(Audit(store).entries())
    with store.reading() as session:
        row = session.scalars(select(TokenRow)).one()
        assert row.token_hash == hash_secret(secret)
    visitor = tokens.visitor_of_token(secret)
    assert visitor is not None
    assert (visitor.name, visitor.role, visitor.via) == ("token:camera 3", Role.OPERATOR, "token")
    for wrong in ("", secret[:-1], secret + "x", hash_secret(secret), token.id):
        assert tokens.visitor_of_token(wrong) is None


def test_a_revoked_token_opens_nothing(store: Store) -> None:
    tokens = Tokens(store)
    token, secret = tokens.create("camera", Role.OPERATOR, by="ada")
    with pytest.raises(Conflict, match="camera"):
        tokens.create("camera", Role.VIEWER, by="ada")
    tokens.revoke(token.id, by="bo")
    tokens.revoke(token.id, by="bo")
    assert tokens.visitor_of_token(secret) is None
    again, _ = tokens.create("camera", Role.VIEWER, by="ada")
    assert [listed.id for listed in tokens.list()] == [again.id, token.id]
    assert [(entry.who, entry.action) for entry in Audit(store).entries()] == [
        ("ada", "token.create"),
        ("bo", "token.revoke"),
        ("ada", "token.create"),
    ]
    with pytest.raises(NotFound):
        tokens.revoke("0" * 32, by="ada")


def test_its_last_use_is_told_to_the_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(store)
    _, secret = tokens.create("camera", Role.OPERATOR, by="ada")
    assert tokens.list()[0].last_used_at is None
    tokens.visitor_of_token(secret)
    first = tokens.list()[0].last_used_at
    assert first is not None
    tokens.visitor_of_token(secret)
    assert tokens.list()[0].last_used_at == first
    later = datetime.now(UTC) + timedelta(seconds=61)
    monkeypatch.setattr(module, "now", lambda: later)
    tokens.visitor_of_token(secret)
    assert tokens.list()[0].last_used_at == later


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb"])
def test_what_is_no_name_of_a_token(store: Store, name: str) -> None:
    with pytest.raises(Invalid, match="token's name"):
        Tokens(store).create(name, Role.VIEWER, by="ada")
