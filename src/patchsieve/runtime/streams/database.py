"""The one file that remembers everything: SQLite, held by one process at a time, safe against kill and power loss."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patchsieve.errors import PatchSieveError

VERSION = 1

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE parts (
    number INTEGER PRIMARY KEY,
    source NOT NULL,          -- absolute path, or address of a camera
    size INTEGER,
    mtime_ns INTEGER,
    sha256 TEXT,
    day TEXT NOT NULL,        -- of the results file that has the line
    verdict TEXT NOT NULL,
    result TEXT NOT NULL,     -- the line, as JSON
    destination,              -- where the file is to be moved
    placed INTEGER NOT NULL   -- 0 while the file is still to be moved or deleted
);
CREATE INDEX parts_of_source ON parts (source, number);
CREATE INDEX parts_of_day ON parts (day, number);
CREATE INDEX parts_to_place ON parts (number) WHERE placed = 0;
CREATE TABLE work (source PRIMARY KEY, attempts INTEGER NOT NULL);
CREATE TABLE videos (
    source PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, next INTEGER NOT NULL, ended INTEGER NOT NULL
);
CREATE TABLE spool (
    sink TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, reason TEXT, PRIMARY KEY (sink, number)
) WITHOUT ROWID;
CREATE TABLE sinks (sink TEXT PRIMARY KEY, dropped INTEGER NOT NULL);
"""


class Database:
    """A connection that threads share; each statement or transaction has it alone.

    The file is locked for other processes until it is closed or the process ends, however it ends: two watchers can
    never work for the same results.

    Raises:
        PatchSieveError: the file cannot be used, is no journal of this version, or another watcher has it. So does
            every method where the disk is full or fails.
    """

    def __init__(self, path: Path, *, patience: float = 2.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._in_words():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=patience, isolation_level=None, check_same_thread=False
            )
        try:
            with self._in_words():
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what a query finds, as tuples."""
        with self._lock, self._in_words():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all that is executed in the block, or nothing of it; done means that it is on the disk."""
        with self._lock, self._in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the file free."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise PatchSieveError(
                    f"{self.path} was written by another version of PatchSieve (journal {version}, this one has "
                    f"{VERSION}): name a new results folder"
                )
            if version == 0:
                if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise PatchSieveError(
                        f"{self.path} is a database, but no journal of PatchSieve's: name another folder"
                    )
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise PatchSieveError(
                    f"{self.path} is in use: another watcher works for this folder; stop it, or name another folder"
                ) from error
            raise PatchSieveError(f"cannot write the journal {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise PatchSieveError(
                f"the journal {self.path} cannot be read ({error}): name another results folder"
            ) from error
        except OSError as error:
            raise PatchSieveError(f"cannot write {self.path}: {error.strerror or error}") from error
