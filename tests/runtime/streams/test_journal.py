"""What the journal remembers, and what it may forget."""

import json

from brightness import write_grey

from patchsieve.runtime.streams.arrivals import Signature
from patchsieve.runtime.streams.database import Database
from patchsieve.runtime.streams.journal import Entry, Journal


def entry(number: int, day: str, *, moved: bool = True, placed: bool = True) -> Entry:
    target = f"/out/{number}" if moved else None
    return Entry(number, f"/in/{number}", Signature(1, 2), "ab", day, "good", f"{number}", target, placed)


def test_old_parts_are_forgotten_but_for_what_is_still_needed(journal, database):
    journal.finish(
        [
            entry(1, "2026-01-01"),
            entry(2, "2026-01-01", moved=False),
            entry(3, "2026-01-01", placed=False),
            Entry(4, "rtsp://line7", None, "", "2026-01-01", "good", "4", None, placed=True, frame=7),
            entry(5, "2026-02-01"),
            entry(6, "2026-02-01", moved=False),
        ]
    )
    journal.forget("2026-01-15")
    assert database.rows("SELECT number, result FROM parts ORDER BY number") == [
        (2, ""), (3, ""), (5, "5"), (6, "6"),
    ]  # fmt: skip
    # The file is still in the folder: it is not judged again. The move that failed will be tried again.
    assert journal.last_of("/in/2") == (Signature(1, 2), "ab")
    assert [one.number for one in journal.unplaced()] == [3]


def test_the_last_day_is_never_forgotten_and_numbers_are_never_used_twice(journal, database):
    journal.finish([entry(1, "2026-01-01"), entry(2, "2026-02-01")])
    journal.forget("2026-11-22")
    assert journal.lines_of("2026-02-01") == ["2"]
    again = Journal(database)
    assert (again.next_number, again.stream) == (3, journal.stream)


def test_paths_that_are_no_text_are_kept(journal):
    odd = "/in/caf\udce9.png"
    journal.finish([Entry(1, odd, Signature(1, 2), "ab", "2026-01-01", "good", "{}", odd, placed=False)])
    assert journal.last_of(odd) == (Signature(1, 2), "ab")
    assert (journal.unplaced()[0].source, journal.unplaced()[0].destination) == (odd, odd)


def test_work_that_was_begun_and_not_finished_is_counted(journal):
    journal.begin(["/in/1", "/in/2"])
    journal.begin(["/in/1"])
    assert journal.attempts(["/in/1", "/in/2", "/in/3"]) == {"/in/1": 2, "/in/2": 1}
    journal.give_up(["/in/2"])
    journal.finish([entry(1, "2026-01-01")])
    assert journal.attempts(["/in/1", "/in/2"]) == {}


def test_a_run_forgets(watching, incoming, tmp_path):
    write_grey(incoming / "a.png", 200)
    watching(once=True, after="move", forget_after=1).go()
    database = Database(tmp_path / "results" / "journal.sqlite")
    with database.transaction() as connection:
        connection.execute("UPDATE parts SET day = '2026-01-01'")
    database.close()
    (tmp_path / "results").joinpath("results-2026-01-01.jsonl").touch()
    write_grey(incoming / "b.png", 200)
    watching(once=True, after="move", forget_after=1).go()
    database = Database(tmp_path / "results" / "journal.sqlite")
    ((line,),) = database.rows("SELECT result FROM parts")
    database.close()
    assert json.loads(line)["image"] == "b.png"
