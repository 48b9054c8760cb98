"""A folder is watched: complete files only, each part once, and put away."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from brightness import write_grey
from PIL import Image

from patchsieve.errors import ConfigError, PatchSieveError

# Writes each file piece by piece, with pauses, under its final name.
SLOW_WRITER = """
import sys, time
from pathlib import Path
source, target = map(Path, sys.argv[1:])
for file in sorted(source.iterdir()):
    data = file.read_bytes()
    with (target / file.name).open("wb") as stream:
        for start in range(0, len(data), 1 + len(data) // 4):
            stream.write(data[start : start + 1 + len(data) // 4])
            stream.flush()
            time.sleep(0.03)
"""


def noise(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("RGB", (32, 32), random.Random(seed).randbytes(32 * 32 * 3)).save(path)
    return path


def test_files_that_are_written_slowly_are_taken_when_they_are_complete(watching, incoming, tmp_path):
    for index in range(8):
        noise(tmp_path / "source" / f"part_{index}.png", index)
    run = watching(patience=30).start()
    subprocess.run([sys.executable, "-c", SLOW_WRITER, tmp_path / "source", incoming], check=True)
    run.until(lambda: len(run.shown) == 8)
    run.finish()
    assert Counter(line["image"] for line in run.lines) == Counter(f"part_{index}.png" for index in range(8))
    assert {line["verdict"] for line in run.lines} <= {"good", "defect"}
    assert run.summary.verdicts.total() == 8


def test_what_is_no_part_is_passed_over(watching, incoming):
    write_grey(incoming / "a.png", 200)
    for name in (".a.png", "~a.png", "a.png.part", "a.tmp", "a.txt", "Thumbs.db"):
        shutil.copy(incoming / "a.png", incoming / name)
    write_grey(incoming / "below" / "b.png", 200)
    assert watching(once=True).go().shown == [("a.png", "good")]


def test_folders_below_are_watched_where_that_is_asked_for_but_not_the_results(watching, incoming):
    write_grey(incoming / "a.png", 200)
    write_grey(incoming / "station 2" / "b.png", 10)
    results = incoming / "results"
    run = watching(once=True, recursive=True, results=results, after="move").go()
    assert Counter(run.shown) == Counter([("a.png", "good"), ("station 2/b.png", "defect")])
    assert (results / "defect" / "station 2" / "b.png").exists()
    assert watching(once=True, recursive=True, results=results, after="move").go().shown == []


def test_a_file_that_never_becomes_an_image_is_recorded_once_with_its_reason(watching, incoming):
    whole = noise(incoming / "a.png", 1).read_bytes()
    (incoming / "a.png").write_bytes(whole[: len(whole) // 2])
    (incoming / "b.png").write_bytes(b"")
    run = watching().start()
    run.until(lambda: len(run.shown) == 2)
    time.sleep(0.5)
    run.finish()
    assert Counter(run.shown) == Counter([("a.png", "broken"), ("b.png", "broken")])
    assert {line["image"]: line["note"] for line in run.lines} == {
        "a.png": "truncated PNG",
        "b.png": "an empty file (0 bytes)",
    }
    assert watching(once=True).go().shown == []
    # What was cut short is written anew: a new part.
    (incoming / "a.png").write_bytes(whole)
    assert [name for name, _ in watching(once=True).go().shown] == ["a.png"]


def test_a_file_that_was_made_at_full_length_first_is_not_taken_for_grey(watching, incoming):
    path = incoming / "a.jpg"
    Image.effect_noise((64, 64), 80).convert("RGB").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    run = watching(patience=30).start()
    time.sleep(0.6)
    assert run.shown == []
    path.write_bytes(whole + bytes(64))  # some cameras fill up to a block
    run.until(lambda: len(run.shown) == 1)
    run.finish()
    assert run.shown[0][1] in ("good", "defect")


def test_nothing_is_done_twice_after_a_restart(watching, incoming):
    write_grey(incoming / "a.png", 200)
    assert len(watching(once=True).go().shown) == 1
    write_grey(incoming / "b.png", 10)
    assert watching(once=True).go().shown == [("b.png", "defect")]
    assert [line["image"] for line in watching(once=True).go().lines] == ["a.png", "b.png"]


def test_the_same_name_with_other_content_is_a_new_part(watching, incoming):
    run = watching().start()
    for value in (200, 10, 200):
        write_grey(incoming / "latest.png", value)
        seen = len(run.shown)
        run.until(lambda seen=seen: len(run.shown) == seen + 1)
    run.finish()
    assert run.shown == [("latest.png", "good"), ("latest.png", "defect"), ("latest.png", "good")]
    assert len({line["id"] for line in run.lines}) == 3


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_share_with_another_clock_and_parts_that_are_renamed_over_each_other(watching, incoming, hours):
    # All of one size, as from a camera that writes BMP; the share's clock is an hour off.
    run = watching().start()
    for number, value in enumerate((200, 10, 210, 20)):
        written = incoming / "latest.bmp.part"
        Image.new("RGB", (8, 8), (value, value, value)).save(written, format="BMP")
        clock = time.time() + 3600 * hours + number
        os.utime(written, (clock, clock))
        written.replace(incoming / "latest.bmp")
        run.until(lambda number=number: len(run.shown) == number + 1)
    run.finish()
    assert run.shown == [("latest.bmp", verdict) for verdict in ("good", "defect", "good", "defect")]
    assert len({line["bytes"] for line in run.lines}) == 1
    assert watching(once=True).go().shown == []


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_the_same_content_under_the_same_name_is_the_same_part(watching, incoming, tmp_path, after):
    path = write_grey(incoming / "a.png", 200)
    copy = shutil.copy(path, tmp_path)
    watching(once=True, after=after).go()
    shutil.copy(copy, path)
    os.utime(path, (1e9, 1e9))
    run = watching(once=True, after=after).go()
    assert (run.shown, run.summary.repeated) == ([], 1)
    assert len(run.lines) == 1
    assert path.exists() == (after == "keep")
    assert (tmp_path / "results" / "repeated" / "a.png").exists() == (after == "move")
    assert watching(once=True, after=after).go().summary.repeated == 0


def test_files_are_moved_by_verdict_and_never_over_another(watching, incoming, tmp_path):
    results = tmp_path / "results"
    for value in (200, 210):
        write_grey(incoming / "a.png", value)
        write_grey(incoming / "b.png", 255 - value)
        write_grey(incoming / "c.png", 120 + value // 10)
        (incoming / "d.png").write_bytes(str(value).encode())
        watching(once=True, after="move", review="0.1").go()
    assert not list(incoming.iterdir())
    found = sorted(path.relative_to(results).as_posix() for path in results.rglob("*.png"))
    assert found == [
        "broken/d.png", "broken/d~8.png", "defect/b.png", "defect/b~6.png", "good/a.png", "good/a~5.png",
        "review/c.png", "review/c~7.png",
    ]  # fmt: skip
    assert (results / "broken" / "d.png").read_bytes() == b"200"


def test_files_are_deleted_but_never_those_that_were_not_judged(watching, incoming):
    write_grey(incoming / "a.png", 200)
    (incoming / "b.png").write_bytes(b"?")
    watching(once=True, after="delete").go()
    assert [path.name for path in incoming.iterdir()] == ["b.png"]


def test_a_file_that_cannot_be_moved_now_is_moved_later_and_not_judged_again(watching, incoming, tmp_path):
    (tmp_path / "results").mkdir()
    # A file where the folder should be.
    (tmp_path / "results" / "good").write_bytes(b"")
    write_grey(incoming / "a.png", 200)
    run = watching(once=True, after="move").go()
    assert run.shown == [("a.png", "good")]
    assert any("cannot move or delete" in text for text in run.said)
    (tmp_path / "results" / "good").unlink()
    assert watching(once=True, after="move").go().shown == []
    assert (tmp_path / "results" / "good" / "a.png").exists()
    assert not list(incoming.iterdir())


def test_many_are_scored_together_and_few_one_by_one(watching, incoming):
    for index in range(10):
        write_grey(incoming / f"{index}.png", 20 * index)
    run = watching(batch_size=4).start()
    run.until(lambda: len(run.shown) == 10)
    write_grey(incoming / "late.png", 250)
    run.until(lambda: len(run.shown) == 11)
    run.finish()
    assert run.model.batches == [1, 4, 4, 2, 1]  # the first one is the warming up


def test_the_oldest_files_come_first(watching, incoming):
    for index in range(6):
        path = write_grey(incoming / f"{index}.png", 20 * index)
        os.utime(path, (1e9 - index, 1e9 - index))
    assert [name for name, _ in watching(once=True).go().shown] == [
        f"{index}.png" for index in (5, 4, 3, 2, 1, 0)
    ]


def test_a_part_that_killed_the_watcher_three_times_is_set_aside(watching, incoming, tmp_path):
    from patchsieve.runtime.streams.database import Database
    from patchsieve.runtime.streams.journal import Journal

    for name in ("a.png", "b.png", "c.png"):
        write_grey(incoming / name, 200)
    database = Database(tmp_path / "results" / "journal.sqlite")
    for _ in range(3):
        Journal(database).begin([str(incoming / "b.png")])
    Journal(database).begin([str(incoming / "c.png")])
    database.close()
    run = watching(once=True).go()
    assert Counter(run.shown) == Counter([("a.png", "good"), ("b.png", "broken"), ("c.png", "good")])
    assert run.model.batches == [1, 1, 1]
    assert any("3 times the watcher ended" in str(line["note"]) for line in run.lines)


def test_two_watchers_never_work_for_the_same_results(watching):
    first = watching().start()
    first.until(lambda: bool(first.said))
    with pytest.raises(PatchSieveError, match="another watcher"):
        watching().go()
    first.finish()


def test_a_folder_that_goes_away_is_awaited(watching, incoming):
    run = watching().start()
    run.until(lambda: bool(run.said))
    incoming.rename(incoming.with_name("elsewhere"))
    run.until(lambda: any("cannot list" in text for text in run.said))
    incoming.with_name("elsewhere").rename(incoming)
    write_grey(incoming / "a.png", 200)
    run.until(lambda: len(run.shown) == 1)
    run.finish()
    assert any("can be listed again" in text for text in run.said)


def test_names_that_are_no_text_are_taken(watching, incoming):
    odd = os.fsencode(incoming) + b"/caf\xe9.png"
    shutil.copy(write_grey(incoming.parent / "a.png", 200), odd)
    run = watching(once=True, after="move").go()
    assert run.shown == [("caf\\xe9.png", "good")]
    assert not list(incoming.iterdir())


@pytest.mark.parametrize(
    ("target", "settings", "words"),
    [
        ("incoming", {"every": "1s"}, "every is for videos"),
        ("nothing", {}, "there is no"),
        ("camera:front", {}, "names no camera"),
        ("rtsp://host/stream", {"after": "move"}, "are for folders"),
        ("rtsp://host/stream", {"once": True}, "has no end"),
        ("incoming", {"sinks": ("ftp://host/x",)}, "neither mqtt"),
        ("incoming", {"sinks": ("mqtt://host",)}, "not of the form"),
        ("incoming", {"sinks": ("https://me:secret@host/x",)}, "PATCHSIEVE_WEBHOOK_TOKEN"),
        ("incoming", {"sinks": ("mqtt://me:secret@host/x",)}, "PATCHSIEVE_MQTT_USER"),
    ],
)
def test_what_cannot_work_is_said_in_words(watching, tmp_path, monkeypatch, target, settings, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PatchSieveError, match=words) as raised:
        watching(target, **settings).go()
    assert "secret" not in str(raised.value)


def test_results_do_not_go_into_the_folder_itself(watching, incoming):
    with pytest.raises(ConfigError, match="cannot go to"):
        watching(results=incoming).go()
