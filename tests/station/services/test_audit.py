import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from patchsieve.station.services.audit import Audit, record
from patchsieve.station.store import Store


@pytest.fixture
def audit(store: Store) -> Audit:
    """Twelve entries of two people."""
    for number in range(12):
        with store.writing() as session:
            action = ("user.add", "user.role", "threshold.change")[number % 3]
            record(session, ("ada", "bo")[number % 2], action, f"s{number}", {"n": number}, {"n": number + 1})
    return Audit(store)


def test_the_newest_come_first_and_pages_follow_each_other(audit: Audit) -> None:
    first = audit.entries(limit=5)
    second = audit.entries(limit=5, before_id=first[-1].id)
    third = audit.entries(limit=5, before_id=second[-1].id)
    assert [entry.subject for entry in first + second + third] == [
        f"s{number}" for number in reversed(range(12))
    ]
    assert audit.entries(limit=5, after_id=third[0].id) == second
    assert audit.entries(limit=9, after_id=second[0].id) == first
    assert first[0].before == {"n": 11}
    assert first[0].after == {"n": 12}


def test_it_can_be_asked_who_and_what(audit: Audit) -> None:
    assert {entry.who for entry in audit.entries(who="bo")} == {"bo"}
    assert len(audit.entries(action="user.add")) == 4
    assert len(audit.entries(action="user.")) == 8
    assert len(audit.entries(action="user")) == 0
    assert len(audit.entries(who="ada", action="user.add")) == 2
    assert audit.entries(action="%.") == []
    assert (audit.people(), audit.actions()) == (["ada", "bo"], ["threshold.change", "user.add", "user.role"])


def test_a_change_that_fails_leaves_no_entry(store: Store) -> None:
    def fail() -> None:
        with store.writing() as session:
            record(session, "ada", "user.add", "mei")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert Audit(store).entries() == []


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'bo' WHERE who = 'ada'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_what_was_written(audit: Audit, store: Store, change: str) -> None:
    with pytest.raises(DBAPIError, match="only ever added to"), store.engine.begin() as connection:
        connection.execute(text(change))
    assert len(audit.entries()) == 12
