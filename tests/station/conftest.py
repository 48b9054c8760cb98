"""What tests of the station share: a small model, and a store on each of the databases."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from patchsieve.station.engine import Decoder
from patchsieve.station.store import Store

if TYPE_CHECKING:
    from patchsieve.detectors import Detector

_DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def small_model(model_file: Path) -> Path:
    """The file of a model that takes milliseconds for an image, for reading only."""
    return model_file


@pytest.fixture(scope="session")
def load_once() -> "Callable[..., Detector]":
    """Load models as `patchsieve.load` does, but the same content once in all."""
    # Not above: tests that need no torch shall not wait for it.
    from patchsieve import detectors

    models: dict[tuple[str, str], Detector] = {}

    def load(path: Path, *, device: str = "auto") -> "Detector":
        if not path.is_file():
            return detectors.registry.load(path, device=device)
        key = hashlib.sha256(path.read_bytes()).hexdigest(), device
        if key not in models:
            models[key] = detectors.registry.load(path, device=device)
        return models[key]

    return load


class _LastingDecoder(Decoder):
    """A decoder whose processes go on when one of its stations ends."""

    def close(self) -> None:
        """Do nothing: the next station will decode."""


@pytest.fixture(scope="session")
def decoder_of() -> Iterator[Callable[..., Decoder]]:
    """Make decoders, of the same settings one in all."""
    decoders: dict[int, Decoder] = {}

    def decoder(*, max_pixels: int) -> Decoder:
        if max_pixels not in decoders:
            decoders[max_pixels] = _LastingDecoder(max_pixels=max_pixels)
        return decoders[max_pixels]

    yield decoder
    for each in decoders.values():
        Decoder.close(each)


@pytest.fixture
def lasting_engine(
    load_once: "Callable[..., Detector]",
    decoder_of: Callable[..., Decoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Have the stations of tests share what takes long to begin: loaded models, which they only read, and decoders."""
    from patchsieve import detectors
    from patchsieve.station import running

    monkeypatch.setattr(detectors, "load", load_once)
    monkeypatch.setattr(running, "Decoder", decoder_of)


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


@dataclass
class Databases:
    """Databases of one server, each used by one test after the other: to make and remove one takes longer than most
    tests."""

    url: str
    free: list[str] = field(default_factory=list)
    count: int = 0

    def take(self) -> str:
        """Return the name of an empty one."""
        if not self.free:
            self.count += 1
            self.ask("postgres", f"CREATE DATABASE station_{self.count}")
            return f"station_{self.count}"
        name = self.free.pop()
        # What a test has left open.
        self.ask(
            "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        self.ask(name, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        return name

    def ask(self, database: str, *statements: str) -> None:
        """Run statements in a database, each by itself."""
        with psycopg.connect(self.url.format(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Databases:
    """The databases of the PostgreSQL server."""
    return Databases(postgres_server)


@pytest.fixture
def new_postgres_database(postgres_databases: Databases) -> Iterator[Callable[[], str]]:
    """Give empty databases on the PostgreSQL server, by their URLs, for one test."""
    taken: list[str] = []

    def make() -> str:
        taken.append(postgres_databases.take())
        return postgres_databases.url.format(taken[-1])

    yield make
    postgres_databases.free.extend(taken)


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
