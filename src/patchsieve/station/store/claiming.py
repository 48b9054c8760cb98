"""One station at a time works on a database: another one would not notice when a line is switched."""

import fcntl
from pathlib import Path
from threading import Lock
from typing import IO, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from patchsieve.errors import PatchSieveError

# Of all that a database is locked for, this is a station at work; any number that is always the same.
_AT_WORK = 0x57A710
# A server needs a moment to see that a station was killed.
_PATIENCE_SECONDS = 5.0
_LOCK_NOT_AVAILABLE = "55P03"


class Claim(Protocol):
    """That no other station works on a database. It goes with the process, however that ends."""

    def hold(self) -> None:
        """Take it, or take it again where it was lost. Raises `PatchSieveError` where another station has it."""

    def let_go(self) -> None:
        """Give it back."""


def claim_on(engine: Engine) -> Claim:
    """Return what has to be held on a database."""
    if engine.dialect.name == "postgresql":
        return _ClaimOnServer(engine)
    return _ClaimOnFile(Path(f"{engine.url.database}.lock"))


def _taken(where: object) -> PatchSieveError:
    return PatchSieveError(
        f"another station is at work on the database {where}: stop it, or give this one a database of its own with "
        "--data or --database"
    )


class _ClaimOnFile:
    """A locked file beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def hold(self) -> None:
        if self._file is not None:
            return
        try:
            file = self._path.open("ab")
        except OSError as error:
            raise PatchSieveError(
                f"the database {self._path.with_suffix('')} cannot be used: {error.strerror}"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise _taken(self._path.with_suffix("")) from error
        self._file = file

    def let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _ClaimOnServer:
    """A lock that a PostgreSQL server keeps for a connection, for as long as that lasts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lock = Lock()
        self._connection: Connection | None = None

    def hold(self) -> None:
        with self._lock:
            if self._connection is not None:
                try:
                    self._connection.execute(text("SELECT 1"))
                    return
                except DBAPIError:
                    # The server was started again, say, and has forgotten.
                    self._connection.close()
                    self._connection = None
            self._connection = self._locked()

    def let_go(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
                self._connection = None

    def _locked(self) -> Connection:
        connection = self._engine.connect()
        try:
            # A machine that is gone without a word is noticed in half a minute instead of hours.
            for name, seconds in (("idle", 15), ("interval", 5), ("count", 3)):
                connection.execute(text(f"SET tcp_keepalives_{name} = {seconds}"))
            connection.execute(text(f"SET lock_timeout = {int(1000 * _PATIENCE_SECONDS)}"))
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _AT_WORK})
        except DBAPIError as error:
            connection.invalidate()
            connection.close()
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise _taken(self._engine.url.render_as_string(hide_password=True)) from error
            raise
        return connection
