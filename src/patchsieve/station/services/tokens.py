"""API tokens: for programs at the line. Shown once, kept as a hash, with a role of their own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from patchsieve.station.errors import Conflict, Invalid, NotFound
from patchsieve.station.languages import said
from patchsieve.station.security import Role, Visitor, hash_secret, new_secret
from patchsieve.station.services.audit import record
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import TokenRow

# So that scanners for leaked secrets, and people, can tell what it is.
PREFIX = "patchsieve_"
_LONGEST_NAME = 64
# When a token was last used is told to the minute: not every inspection should write to the table of tokens.
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ApiToken:
    """A token, without its secret, which nobody knows any more but its holder."""

    id: str
    name: str
    role: Role
    created_at: datetime
    by: str
    revoked_at: datetime | None
    last_used_at: datetime | None


class Tokens:
    """Makes, lists and revokes tokens, and says whom one stands for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: str, role: Role, *, by: str) -> tuple[ApiToken, str]:
        """Make a token. Returns it and its secret, which is not kept and cannot be shown again.

        Raises:
            Invalid: no name, or a long one.
            Conflict: a token of that name is in use.
        """
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise Invalid(
                said(
                    "a token's name has 1 to %(count)s characters: say which program uses it",
                    count=_LONGEST_NAME,
                )
            )
        secret = new_secret(PREFIX)
        with self._store.writing() as session:
            in_use = select(TokenRow).where(TokenRow.name == name, TokenRow.revoked_at.is_(None))
            if session.scalar(in_use) is not None:
                raise Conflict(
                    said(
                        "there is a token %(name)s already: revoke it first, or take another name", name=name
                    )
                )
            row = TokenRow(name=name, role=role.value, token_hash=hash_secret(secret), by=by)
            session.add(row)
            record(session, by, "token.create", name, after={"role": role.value})
            session.flush()
            return _token(row), secret

    def list(self) -> list[ApiToken]:
        """Return all tokens: those in use, then the revoked, the newest first."""
        order = (TokenRow.revoked_at.is_not(None), TokenRow.created_at.desc())
        with self._store.reading() as session:
            return [_token(row) for row in session.scalars(select(TokenRow).order_by(*order))]

    def revoke(self, token_id: str, *, by: str) -> None:
        """Make a token useless from now on; one that is already is left as it is.

        Raises:
            NotFound: there is no such token.
        """
        with self._store.writing() as session:
            row = session.get(TokenRow, token_id)
            if row is None:
                raise NotFound(said("there is no such token"))
            if row.revoked_at is None:
                row.revoked_at = now()
                record(session, by, "token.revoke", row.name, before={"role": row.role})

    def visitor_of_token(self, secret: str) -> Visitor | None:
        """Return whom a secret stands for, or None where it is none of ours or has been revoked."""
        wanted = TokenRow.token_hash == hash_secret(secret)
        with self._store.reading() as session:
            row = session.scalar(select(TokenRow).where(wanted, TokenRow.revoked_at.is_(None)))
        if row is None:
            return None
        if row.last_used_at is None or now() - row.last_used_at > _USE_NOTED_EVERY:
            with self._store.writing() as session:
                session.execute(update(TokenRow).where(TokenRow.id == row.id).values(last_used_at=now()))
        return Visitor(f"token:{row.name}", Role(row.role), "token")


def _token(row: TokenRow) -> ApiToken:
    return ApiToken(
        row.id, row.name, Role(row.role), row.created_at, row.by, row.revoked_at, row.last_used_at
    )
