import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from patchsieve.errors import PatchSieveError
from patchsieve.station.store import Store
from patchsieve.station.store.base import Base
from patchsieve.station.store.migrating import scripts_of_this_package
from patchsieve.station.store.tables import AuditRow, LineRow, PointRow, VersionRow


def test_migrations_from_empty_give_the_tables_of_the_models(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_opening_again_changes_nothing(store: Store, database_url: str | None) -> None:
    with store.writing() as session:
        session.add(LineRow(name="line7", title="Line 7"))
    again = Store.open(store.data_dir, database_url)
    with again.reading() as session:
        assert session.scalars(select(LineRow.title)).all() == ["Line 7"]
    again.close()


def test_stations_that_start_at_the_same_time_migrate_once(tmp_path: Path, database_url: str | None) -> None:
    opened: list[Store] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Store.open(tmp_path / "data", database_url)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for one in opened:
        one.check()
        one.close()


def test_a_database_of_a_later_version_is_left_alone(store: Store, database_url: str | None) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    with pytest.raises(PatchSieveError, match="used with a later one"):
        Store.open(store.data_dir, database_url)


def test_migrations_stand_in_one_row() -> None:
    assert len(scripts_of_this_package().get_heads()) == 1


def test_moments_are_utc_and_know_it(store: Store) -> None:
    at = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    with store.writing() as session:
        session.add(AuditRow(at=at, who="wei", action="switch", subject="line7"))
    with store.reading() as session:
        found = session.scalars(select(AuditRow.at)).one()
    assert found == at
    assert found.tzinfo == UTC


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="does not say of which zone"), store.writing() as session:
        session.add(AuditRow(at=datetime(2026, 3, 1), who="wei", action="switch", subject="line7"))


def test_rows_that_point_to_nothing_are_refused(store: Store) -> None:
    with pytest.raises(IntegrityError), store.writing() as session:
        session.add(LineRow(name="line7", title="", active_version_id="0" * 32))


def test_of_a_point_only_one_counts_and_those_of_before_stay(store: Store) -> None:
    with store.writing() as session:
        line = LineRow(name="line7", title="")
        session.add(line)
        session.flush()
        version = VersionRow(
            line_id=line.id,
            number=1,
            file="models/line7/1.sieve",
            sha256="0" * 64,
            detector="softpatch",
            backbone="efficientnet_lite0",
            training_images=28,
            created_by="wei",
        )
        session.add(version)
        session.flush()
        for superseded in (datetime.now(UTC), datetime.now(UTC), None):
            session.add(_point(version.id, superseded))
    with pytest.raises(IntegrityError), store.writing() as session:
        session.add(_point(version.id, None))


def _point(version_id: str, superseded_at: datetime | None) -> PointRow:
    return PointRow(
        version_id=version_id,
        name="default",
        threshold=1.0,
        purpose={},
        is_default=True,
        by="wei",
        superseded_at=superseded_at,
    )


def test_a_block_that_fails_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as session:
            session.add(LineRow(name="line7", title=""))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as session:
        assert session.scalars(select(LineRow)).all() == []


def test_writers_wait_for_each_other_and_lose_nothing(store: Store) -> None:
    with store.writing() as session:
        session.add(LineRow(name="line7", title="0"))

    def count() -> None:
        for _ in range(10):
            with store.writing() as session:
                line = session.scalars(select(LineRow).with_for_update()).one()
                line.title = str(int(line.title) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        assert session.scalars(select(LineRow.title)).one() == "40"


def test_sqlite_writes_ahead_and_keeps_what_was_answered(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("not a url", "cannot be read"),
        ("mysql://root@localhost/station", "does not keep its data in mysql"),
        ("sqlite://", "name a file or a server"),
        ("postgresql://station:secret@127.0.0.1:1/station", "cannot be used"),
        ("sqlite:////proc/no/such/folder.db", "cannot be used"),
    ],
)
def test_databases_that_cannot_be_used_are_said_in_words(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(PatchSieveError, match=words) as raised:
        Store.open(tmp_path, url)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "station.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(PatchSieveError, match=r"station\.db cannot be used: file is not a database"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PatchSieveError, match=r"cannot use .*file/data"):
        Store.open(tmp_path / "file" / "data")


def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "100 % of 线 7 ?#")
    store.check()
    store.close()


def test_databases_of_the_server_are_apart(new_postgres_database: Callable[[], str]) -> None:
    first, second = (
        create_engine(new_postgres_database().replace("postgresql:", "postgresql+psycopg:")) for _ in range(2)
    )
    with first.begin() as connection:
        connection.execute(text("CREATE TABLE a (b int)"))
    assert inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()
