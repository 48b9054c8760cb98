"""From what people said to a new version: real fits in processes of their own, on both databases."""

import time
from collections.abc import Callable

import pytest

from patchsieve.detectors import load
from patchsieve.station.errors import Conflict, NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.services.refitting import OPEN, Job
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import InspectionRow, JobRow


def judge(station: Station, inspection: Inspection, verdict: str) -> None:
    with station.store.writing() as session:
        row = session.get(InspectionRow, inspection.id)
        assert row is not None
        row.human_verdict, row.judged_by, row.judged_at = verdict, "somebody", now()


def finished(station: Station, job: Job) -> Job:
    deadline = time.monotonic() + 240
    while (seen := station.refitting.job(job.id)).state in OPEN:
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    return seen


@pytest.mark.slow
def test_marks_and_corrections_become_a_version_that_nobody_has_to_take(
    station: Station, inspect: Callable[..., Inspection]
) -> None:
    good = [inspect(seed) for seed in (500, 501)]
    defect = inspect(502, defective=True)
    for inspection in good:
        judge(station, inspection, "good")
    judge(station, defect, "defect")
    suspects = station.review.suspects("line7").suspects
    station.review.mark("line7", 1, suspects[0].name, "drop", by="ada")
    station.review.mark("line7", 1, suspects[9].name, "keep", by="ada")
    pending = station.refitting.pending("line7")
    assert (pending.version, pending.keep, pending.drop, pending.good, pending.defects) == (1, 1, 1, 2, 1)
    job = station.refitting.start("line7", by="ada")
    assert job.state == "queued"
    with pytest.raises(Conflict, match="not ended"):
        station.refitting.start("line7", by="ben")
    job = finished(station, job)
    assert job.state == "done", job.error
    assert (job.parent, job.version, job.by) == (1, 2, "ada")
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.changes is not None
    assert job.changes.dropped == (suspects[0].name,)
    assert set(job.changes.learnt) == {inspection.id for inspection in good}
    assert job.changes.rejected == (defect.id,)
    assert job.changes.history.images == 3
    assert job.changes.history.judged == 3
    versions = station.lines.versions("line7")
    assert [(version.number, version.active, version.parent) for version in versions] == [
        (2, False, 1),
        (1, True, None),
    ]
    assert versions[0].training_images == 28 - 1 + 2
    assert load(versions[0].path, device="cpu").training_.kept == (suspects[9].name,)
    assert station.refitting.job_of("line7", 2) == job
    assert station.refitting.job_of("line7", 1) is None
    assert not list((station.store.data_dir / "jobs").iterdir())
    # The new version knows all of it; what has become of an image since then is taken in by the next.
    station.lines.switch("line7", 2, by="ada")
    with pytest.raises(Conflict, match="nothing to change"):
        station.refitting.start("line7", by="ada")
    judge(station, good[0], "defect")
    # Its original may go meanwhile: what a model has learnt from is kept apart.
    station.pictures.path(f"images/{good[1].image_sha256[:2]}/{good[1].image_sha256}.png").unlink()
    pending = station.refitting.pending("line7")
    assert (pending.version, pending.drop, pending.good, pending.defects) == (2, 1, 0, 1)
    again = finished(station, station.refitting.start("line7", by="ada"))
    assert again.state == "done", again.error
    assert again.changes is not None
    assert again.changes.dropped == (f"inspections/{good[0].id}/{good[0].image_name}",)
    assert again.version == 3
    assert [each.id for each in station.refitting.jobs("line7")] == [again.id, job.id]


@pytest.mark.slow
def test_an_update_learns_from_the_history_alone(
    station: Station, inspect: Callable[..., Inspection]
) -> None:
    with pytest.raises(Conflict, match="nothing new"):
        station.refitting.start("line7", "update", by="ada")
    inspection = inspect(510)
    judge(station, inspection, "good")
    job = finished(station, station.refitting.start("line7", "update", by="ada"))
    assert job.state == "done", job.error
    assert job.changes is not None
    assert job.changes.after.images == job.changes.before.images + 1
    assert job.changes.dropped == ()


def test_a_job_is_cancelled_and_what_a_dead_station_left_is_interrupted(
    station: Station, inspect: Callable[..., Inspection]
) -> None:
    judge(station, inspect(520), "good")
    job = station.refitting.start("line7", by="ada")
    cancelled = station.refitting.cancel(job.id, by="ben")
    deadline = time.monotonic() + 60
    while cancelled.state in OPEN and time.monotonic() < deadline:
        cancelled = station.refitting.job(job.id)
    assert cancelled.state == "cancelled"
    assert len(station.lines.versions("line7")) == 1
    with pytest.raises(Conflict, match="ended"):
        station.refitting.cancel(job.id, by="ben")
    with pytest.raises(NotFound):
        station.refitting.cancel("no-such", by="ben")
    with station.store.writing() as session:
        row = session.get(JobRow, job.id)
        assert row is not None
        row.state = "running"
    station.refitting.recover()
    interrupted = station.refitting.job(job.id)
    assert interrupted.state == "interrupted"
    assert interrupted.error == "the station was stopped meanwhile"
    actions = {(entry.action, entry.who) for entry in station.audit.entries(action="job.")}
    assert actions == {("job.start", "ada"), ("job.cancel", "ben")}
