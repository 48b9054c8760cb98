from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from patchsieve.errors import PatchSieveError
from patchsieve.station.store import Store, claiming


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "_PATIENCE_SECONDS", 0.2)


@pytest.fixture
def url(tmp_path: Path, database_url: str | None) -> str:
    """Of a database that is in nobody's data folder."""
    return database_url or f"sqlite:///{tmp_path}/shared.db"


def test_one_station_at_a_time_works_on_a_database(tmp_path: Path, url: str) -> None:
    first = Store.open(tmp_path / "first", url, alone=True)
    with pytest.raises(PatchSieveError, match="another station is at work on the database"):
        Store.open(tmp_path / "second", url, alone=True)
    # Who only looks something up or adds a user is no station.
    Store.open(tmp_path / "first", url).close()
    first.close()
    Store.open(tmp_path / "second", url, alone=True).close()


def test_a_claim_that_the_server_has_forgotten_is_taken_again(
    tmp_path: Path, new_postgres_database: Callable[[], str]
) -> None:
    url = new_postgres_database()
    first = Store.open(tmp_path / "first", url, alone=True)
    onlooker = Store.open(tmp_path / "first", url)

    def forget() -> None:
        with onlooker.engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = "
                    "current_database())"
                )
            )

    forget()
    first.check()
    with pytest.raises(PatchSieveError, match="another station"):
        Store.open(tmp_path / "second", url, alone=True)
    forget()
    second = Store.open(tmp_path / "second", url, alone=True)
    with pytest.raises(PatchSieveError, match="another station"):
        first.check()
    for store in (second, onlooker, first):
        store.close()
