"""Accounts: the people who can log in, and their logins."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from patchsieve.station.errors import Conflict, Invalid, NotFound, Unauthenticated
from patchsieve.station.languages import said
from patchsieve.station.security import (
    LoginThrottle,
    Role,
    Visitor,
    hash_password,
    hash_secret,
    new_secret,
    password_fits,
    password_is_outdated,
    require_good_password,
)
from patchsieve.station.services.audit import record
from patchsieve.station.services.tokens import Tokens
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import LoginRow, UserRow

# A shift and a half without a request ends a login; so does a week, whatever happens in it.
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
# Prolonged at most so often: not every request should write.
_PROLONGED_EVERY = timedelta(minutes=10)
_NAME = re.compile(r"[\w][\w.@-]{0,63}")
# Names that the audit uses for those who are no users.
_RESERVED = frozenset({"local", "command", "station", "nobody"})


@dataclass(frozen=True)
class User:
    """A person who can log in, or could before being disabled."""

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class Login:
    """A login that has just begun. `secret` is for the browser's cookie; the database has only its hash."""

    secret: str
    until: datetime
    user: User


class Accounts:
    """Keeps users and logins, and knows whom a browser's or a program's secret belongs to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._throttle = LoginThrottle()
        self.tokens = Tokens(store)

    def any_users(self) -> bool:
        """Say whether there is a user at all."""
        with self._store.reading() as session:
            return session.scalar(select(UserRow.id).limit(1)) is not None

    def users(self) -> list[User]:
        """Return all users by name."""
        with self._store.reading() as session:
            return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]

    def add(self, name: str, password: str, role: Role, *, by: str) -> User:
        """Add a user.

        Raises:
            Invalid: the name or the password cannot be one, or the first user would be no engineer.
            Conflict: the name is taken.
        """
        name = _normalised(name)
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise Invalid(
                said(
                    "a user's name has 1 to 64 letters, digits, dots, hyphens, underscores or at-signs, and is none "
                    "of %(reserved)s",
                    reserved=", ".join(sorted(_RESERVED)),
                )
            )
        require_good_password(password, name)
        password_hash = hash_password(password)
        with self._store.writing() as session:
            if session.scalar(select(UserRow.id).where(UserRow.name == name)) is not None:
                raise Conflict(said("there is a user %(name)s already", name=name))
            if role is not Role.ENGINEER and session.scalar(select(UserRow.id).limit(1)) is None:
                raise Invalid(
                    said("the first user has to be an engineer, since only engineers may add others")
                )
            row = UserRow(name=name, role=role.value, password_hash=password_hash)
            session.add(row)
            record(session, by, "user.add", name, after={"role": role.value})
            session.flush()
            return _user(row)

    def set_role(self, name: str, role: Role, *, by: str) -> None:
        """Give a user another role, which counts from the next request on.

        Raises:
            NotFound: there is no such user.
            Conflict: no engineer would be left.
        """
        with self._store.writing() as session:
            row = _find(session, name)
            if row.role == role.value:
                return
            _keep_an_engineer(session, row)
            record(session, by, "user.role", row.name, {"role": row.role}, {"role": role.value})
            row.role = role.value

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Give a user another password, and end all their logins.

        Raises:
            Invalid: it cannot be a password.
            NotFound: there is no such user.
        """
        require_good_password(password, _normalised(name))
        password_hash = hash_password(password)
        with self._store.writing() as session:
            row = _find(session, name)
            row.password_hash = password_hash
            _end_logins(session, row)
            record(session, by, "user.password", row.name)

    def change_own_password(self, name: str, old: str, new: str, *, address: str) -> None:
        """As `set_password`, by the user, who has to know the present one.

        Raises:
            Unauthenticated: the old password is wrong.
            Busy: it was wrong too often.
            Invalid: the new one cannot be a password.
        """
        self._verify(name, old, address)
        self.set_password(name, new, by=_normalised(name))

    def disable(self, name: str, *, by: str) -> None:
        """Let a user no longer log in, and end all their logins. What they did keeps their name.

        Raises:
            NotFound: there is no such user.
            Conflict: no engineer would be left.
        """
        with self._store.writing() as session:
            row = _find(session, name)
            if row.disabled_at is None:
                _keep_an_engineer(session, row)
                row.disabled_at = now()
                _end_logins(session, row)
                record(session, by, "user.disable", row.name, before={"role": row.role})

    def enable(self, name: str, *, by: str) -> None:
        """Let a disabled user log in again. Raises `NotFound`."""
        with self._store.writing() as session:
            row = _find(session, name)
            if row.disabled_at is not None:
                row.disabled_at = None
                record(session, by, "user.enable", row.name, after={"role": row.role})

    def log_in(self, name: str, password: str, *, address: str, instead_of: str = "") -> Login:
        """Begin a login with a new secret.

        Args:
            name: as typed.
            password: as typed.
            address: where from, for slowing guesses down.
            instead_of: secret of a login that this one takes the place of.

        Raises:
            Unauthenticated: name or password are wrong, or the user is disabled; which of these is not told.
            Busy: too many wrong tries.
        """
        user = self._verify(name, password, address)
        secret, begin = new_secret(), now()
        with self._store.writing() as session:
            session.execute(delete(LoginRow).where(LoginRow.expires_at < begin))
            session.execute(delete(LoginRow).where(LoginRow.token_hash == hash_secret(instead_of)))
            session.add(LoginRow(token_hash=hash_secret(secret), user_id=user.id, expires_at=begin + IDLE))
            record(session, user.name, "login", user.name)
        return Login(secret, begin + LONGEST, user)

    def log_out(self, secret: str) -> None:
        """End the login of a browser's secret; one that is none is no error."""
        with self._store.writing() as session:
            session.execute(delete(LoginRow).where(LoginRow.token_hash == hash_secret(secret)))

    def log_out_everywhere(self, name: str, *, by: str) -> int:
        """End all logins of a user. Returns how many there were. Raises `NotFound`."""
        with self._store.writing() as session:
            row = _find(session, name)
            count = _end_logins(session, row)
            record(session, by, "logout.everywhere", row.name, before={"logins": count})
            return count

    def visitor_of_login(self, secret: str) -> Visitor | None:
        """Return the user whose browser holds `secret`, and prolong the login; None where there is none."""
        wanted = select(LoginRow, UserRow).join(UserRow).where(LoginRow.token_hash == hash_secret(secret))
        moment = now()
        with self._store.reading() as session:
            found = session.execute(wanted).one_or_none()
        if found is None:
            return None
        login, user = found
        if login.expires_at <= moment or user.disabled_at is not None:
            return None
        until = min(moment + IDLE, login.created_at + LONGEST)
        if until - login.expires_at > _PROLONGED_EVERY:
            with self._store.writing() as session:
                row = session.get(LoginRow, login.token_hash)
                if row is not None:  # logged out meanwhile, in another tab
                    row.expires_at = until
        return Visitor(user.name, Role(user.role), "session", user.id)

    def visitor_of_token(self, secret: str) -> Visitor | None:
        """Return whom an API token stands for; None where it is none of ours."""
        return self.tokens.visitor_of_token(secret)

    def _verify(self, name: str, password: str, address: str) -> User:
        name = _normalised(name)
        self._throttle.begin(name, address)
        with self._store.reading() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name, UserRow.disabled_at.is_(None)))
        if not password_fits(password, row.password_hash if row else None) or row is None:
            raise Unauthenticated(said("the name or the password is wrong"))
        self._throttle.succeeded(name, address)
        if password_is_outdated(row.password_hash):
            with self._store.writing() as session:
                _find(session, name).password_hash = hash_password(password)
        return _user(row)


def _normalised(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _find(session: Session, name: str) -> UserRow:
    row = session.scalar(select(UserRow).where(UserRow.name == _normalised(name)))
    if row is None:
        raise NotFound(said("there is no user %(name)s", name=name[:64]))
    return row


def _keep_an_engineer(session: Session, but_for: UserRow) -> None:
    """Check that there is an engineer who can log in beside one who is about to be none."""
    others = select(func.count()).where(
        UserRow.role == Role.ENGINEER.value, UserRow.disabled_at.is_(None), UserRow.id != but_for.id
    )
    if but_for.role == Role.ENGINEER.value and not session.scalar(others):
        raise Conflict(said("%(name)s is the last engineer: make somebody else one first", name=but_for.name))


def _end_logins(session: Session, user: UserRow) -> int:
    ended = session.execute(
        delete(LoginRow).where(LoginRow.user_id == user.id).returning(LoginRow.token_hash)
    )
    return len(ended.all())


def _user(row: UserRow) -> User:
    return User(row.id, row.name, Role(row.role), row.created_at, row.disabled_at)
