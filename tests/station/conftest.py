"""What tests of the station share: a small model, and a store on each of the databases."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patchsieve.station.store import Store

_DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def small_model(model_file: Path) -> Path:
    """The file of a model that takes milliseconds for an image, for reading only."""
    return model_file


def _postgres_binaries() -> Path:
    versions = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert versions, "Debian's postgresql is missing: sudo .ci/servers installs what the tests need"
    return versions[-1].parent


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL on a Unix socket of its own; gives the URL of its databases, with {} for their name."""
    binaries = _postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # PostgreSQL refuses to be root; Debian's package brings a user for it.
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, "postgres")
    as_who = {"user": "postgres", "group": "postgres", "extra_groups": []} if root else {}
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "station", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
        **as_who,
    )
    log = (folder / "log").open("wb")
    options = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **as_who
    )
    try:
        deadline = time.monotonic() + 60
        while subprocess.run([binaries / "pg_isready", "-h", folder], capture_output=True).returncode:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"postgresql://station@/{{}}?host={folder}"
    finally:
        # At once: nobody will open this database again.
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=30)
        log.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_postgres_database(postgres_server: str) -> Callable[[], str]:
    """Make an empty database on the PostgreSQL server and return its URL."""
    from sqlalchemy import create_engine, text

    count = 0
    admin = create_engine(
        postgres_server.format("postgres").replace("postgresql:", "postgresql+psycopg:"),
        isolation_level="AUTOCOMMIT",
    )

    def make() -> str:
        nonlocal count
        count += 1
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE station_{count}"))
        return postgres_server.format(f"station_{count}")

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """An empty database of each kind; None is SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    make: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return make()


@pytest.fixture
def store(tmp_path: Path, database_url: str | None) -> Iterator[Store]:
    """A store on a new database of each kind."""
    opened = Store.open(tmp_path / "station", database_url)
    yield opened
    opened.close()
