import threading
import time

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from patchsieve.station.store import GroupCommit, Store
from patchsieve.station.store.tables import LineRow


@pytest.fixture
def commits(store: Store) -> list[object]:
    """Grow by one with each transaction that reaches the disk."""
    seen: list[object] = []
    event.listen(store.engine, "commit", seen.append)
    return seen


def lines(*names: str) -> list[LineRow]:
    return [LineRow(name=name, title="") for name in names]


def names(store: Store) -> list[str]:
    with store.reading() as session:
        return sorted(session.scalars(select(LineRow.name)))


def added_together(store: Store, *requests: list[LineRow]) -> list[str]:
    """Add rows, each request in a thread of its own, while a first one is at the disk; return what was refused."""
    group = GroupCommit(store)
    refused: list[str] = []

    def add(rows: list[LineRow]) -> None:
        wanted = rows[0].name
        try:
            group.add(rows)
        except IntegrityError:
            refused.append(wanted)

    threads = [threading.Thread(target=add, args=(rows,)) for rows in requests]
    # As if a disk were slow: nobody's turn ends before all have come.
    with group._turn:
        for thread in threads:
            thread.start()
        while len(group._waiting) < len(requests):
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    return refused


def test_those_who_come_while_the_disk_is_at_work_share_a_transaction(
    store: Store, commits: list[object]
) -> None:
    refused = added_together(store, *(lines(f"line{place}", f"line{place}b") for place in range(8)))
    assert refused == []
    assert len(names(store)) == 16
    assert len(commits) == 1


def test_rows_that_the_database_refuses_take_no_others_with_them(store: Store) -> None:
    with store.writing() as session:
        session.add_all(lines("line3"))
    requests = [lines(f"line{place}", f"line{place}b") for place in range(5)]
    assert added_together(store, *requests) == ["line3"]
    # All or none of a request.
    assert names(store) == sorted(
        ["line3", *(f"line{place}{end}" for place in (0, 1, 2, 4) for end in ("", "b"))]
    )


def test_a_database_that_is_gone_is_told_to_all_who_wait_and_the_next_are_served(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = GroupCommit(store)
    with monkeypatch.context() as broken:
        broken.setattr(store, "writing", lambda: (_ for _ in ()).throw(ConnectionError("gone")))
        with pytest.raises(ConnectionError, match="gone"):
            group.add(lines("line1"))
    group.add(lines("line2"))
    assert names(store) == ["line2"]
