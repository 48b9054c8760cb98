"""The audit: who changed what and when, from what to what. It is written with each change and never changed itself."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.station.store import Store
from patchsieve.station.store.base import Json
from patchsieve.station.store.tables import AuditRow

_PAGE = 100


@dataclass(frozen=True)
class AuditEntry:
    """One thing that somebody did.

    Attributes:
        id: rises with time.
        at: when.
        who: a user's name, ``"token:<name>"``, ``"local"`` (a person at the machine itself) or ``"command"`` (the
            command line).
        action: what, as ``"user.add"`` or ``"threshold.change"``.
        subject: to whom or what: a user, a line with a point, a token.
        before: as it was; None for what was not there.
        after: as it is since then; None for what is gone.
    """

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    before: Json | None
    after: Json | None


def record(
    session: Session,
    who: str,
    action: str,
    subject: str,
    before: Json | None = None,
    after: Json | None = None,
) -> None:
    """Write down a change in the transaction that makes it: there is no change without its entry, nor the reverse.

    Never give it a secret: passwords, tokens and their hashes stay out.
    """
    session.add(AuditRow(who=who, action=action, subject=subject, before=before, after=after))


class Audit:
    """Reads the audit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def entries(
        self,
        *,
        who: str | None = None,
        action: str | None = None,
        before_id: int | None = None,
        after_id: int | None = None,
        limit: int = _PAGE,
    ) -> list[AuditEntry]:
        """Return the latest entries, the newest first.

        Args:
            who: only what this one did.
            action: only this action, or with a dot at the end all that begin with it: ``"user."``.
            before_id: only entries older than this one; the last id of a page gives the next page.
            after_id: only the nearest that are newer than this one; the first id of a page gives the page before.
            limit: at most so many.
        """
        key = AuditRow.id
        wanted = select(AuditRow).order_by(key.desc() if after_id is None else key.asc()).limit(limit)
        if who:
            wanted = wanted.where(AuditRow.who == who)
        if action and action.endswith("."):
            wanted = wanted.where(AuditRow.action.startswith(action, autoescape=True))
        elif action:
            wanted = wanted.where(AuditRow.action == action)
        if before_id is not None:
            wanted = wanted.where(key < before_id)
        if after_id is not None:
            wanted = wanted.where(key > after_id)
        with self._store.reading() as session:
            found = [_entry(row) for row in session.scalars(wanted)]
        return sorted(found, key=lambda entry: -entry.id)

    def people(self) -> list[str]:
        """Return everybody who did something, by name."""
        with self._store.reading() as session:
            return list(session.scalars(select(AuditRow.who).distinct().order_by(AuditRow.who)))

    def actions(self) -> list[str]:
        """Return everything that was ever done, by name."""
        with self._store.reading() as session:
            return list(session.scalars(select(AuditRow.action).distinct().order_by(AuditRow.action)))


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.id, row.at, row.who, row.action, row.subject, row.before, row.after)
