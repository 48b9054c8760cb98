"""Opening the database: the engine, its sessions, and the migration to today's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from patchsieve.errors import PatchSieveError
from patchsieve.station.store.claiming import Claim, claim_on
from patchsieve.station.store.migrating import migrate

DATABASE_FILE = "station.db"
# Of all processes that open a station on the same PostgreSQL, one migrates; any number that is always the same.
_MIGRATION_LOCK = 0x5EE7E
_BUSY_SECONDS = 30


class Store:
    """The database of a station, at today's tables.

    Attributes:
        engine: of SQLAlchemy.
        data_dir: folder that files in rows are relative to.
    """

    def __init__(self, engine: Engine, data_dir: Path, claim: Claim | None = None) -> None:
        self.engine = engine
        self.data_dir = data_dir
        self._claim = claim
        self._readers = sessionmaker(engine, expire_on_commit=False)
        self._writers = sessionmaker(engine.execution_options(writes=True), expire_on_commit=False)

    @classmethod
    def open(cls, data_dir: Path, database_url: str | None = None, *, alone: bool = False) -> "Store":
        """Connect and migrate.

        Args:
            data_dir: made where it is missing.
            database_url: None for SQLite in `data_dir`.
            alone: let no other station work on the database until this store is closed.

        Raises:
            PatchSieveError: the folder cannot be made; or the database not be reached, written or migrated; or another
                station works on it.
        """
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PatchSieveError(
                f"cannot use {data_dir} for the station's data: {error.strerror}"
            ) from error
        url = _url(data_dir, database_url)
        shown = url.render_as_string(hide_password=True)
        try:
            engine = _engine(url)
            store = cls(engine, data_dir, claim_on(engine) if alone else None)
            try:
                store.check()
                with _alone(engine) as connection:
                    migrate(connection)
            except BaseException:
                store.close()
                raise
        except ImportError as error:
            raise PatchSieveError(
                f"{shown} needs a driver that is not installed: pip install 'patchsieve[postgres]'"
            ) from error
        except DBAPIError as error:
            raise PatchSieveError(
                f"the database {shown} cannot be used: {str(error.orig).strip().splitlines()[0]}"
            ) from error
        except SQLAlchemyError as error:
            raise PatchSieveError(f"the database {shown} cannot be used: {error}") from error
        return store

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session whose changes are thrown away."""
        with self._readers() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that is committed at the end of the block, or rolled back where it raises."""
        with self._writers.begin() as session:
            yield session

    def check(self) -> None:
        """Ask the database for something, and claim it again where the claim was lost with the connection.

        Raises:
            PatchSieveError: another station works on it.
            SQLAlchemyError: it does not answer.
        """
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        if self._claim is not None:
            self._claim.hold()

    def close(self) -> None:
        """Give all connections back."""
        if self._claim is not None:
            self._claim.let_go()
        self.engine.dispose()


def _url(data_dir: Path, given: str | None) -> URL:
    if given is None:
        return URL.create("sqlite", database=str(data_dir / DATABASE_FILE))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise PatchSieveError(
            "the database URL cannot be read: write postgresql://user:password@host:5432/name"
        ) from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise PatchSieveError(
            f"the station does not keep its data in {url.drivername}: give postgresql://... or sqlite:///..."
        )
    if url.database in (None, "", ":memory:"):
        raise PatchSieveError("a database in memory is gone with the station: name a file or a server")
    return url


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            # A connection that the server has closed meanwhile is noticed before it is used.
            return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    except NoSuchModuleError as error:
        raise ImportError(str(error)) from error
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    # The driver would begin a transaction late, and not at all before DDL: `_begin_sqlite` does it instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # What was answered must be on the disk even if the power goes: NORMAL may lose the last commits.
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could not become a writer while another one writes: writers
    # say so at the start and wait for their turn.
    mode = "IMMEDIATE" if connection.get_execution_options().get("writes") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction that no other process migrates in."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        yield connection
