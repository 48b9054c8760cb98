"""The day's file is what the journal says, whatever a sudden end or a person did to it."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.runtime.streams.database import Database
from patchsieve.runtime.streams.day_files import DayFiles
from patchsieve.runtime.streams.journal import Entry, Journal


def entry(number: int, day: str) -> Entry:
    text = f'{{"number": {number}, "text": "Blech ä"}}'
    return Entry(number, f"/in/{number}", None, "", day, "good", text, None, placed=True)


DAYS = ["2026-11-21", "2026-11-21", "2026-11-22", "2026-11-22", "2026-11-22"]


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(0, 200), litter=st.binary(max_size=40))
def test_a_torn_or_spoilt_end_is_repaired(cut: int, litter: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "journal.sqlite")
        journal = Journal(database)
        entries = [entry(number, day) for number, day in enumerate(DAYS, 1)]
        journal.finish(entries)
        files = DayFiles(Path(folder), journal)
        whole = "".join(f"{one.result}\n" for one in entries[2:]).encode()
        files.path("2026-11-22").write_bytes(whole[:cut] + litter)
        files.repair()
        assert files.path("2026-11-22").read_bytes() == whole
        assert files.repair() == 0
        # Days before were complete; somebody may have taken them to an archive.
        assert not files.path("2026-11-21").exists()
        database.close()


def test_lines_are_added_to_the_file_of_their_day(journal, tmp_path):
    files = DayFiles(tmp_path, journal)
    files.append("2026-11-21", ["1", "2"])
    files.append("2026-11-22", ["3"])
    files.append("2026-11-21", ["4"])
    assert files.path("2026-11-21").read_text() == "1\n2\n4\n"
    assert files.path("2026-11-22").read_text() == "3\n"
