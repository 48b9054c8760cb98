"""Refits and updates in the background: what people said becomes a new version, which nobody has to take."""

import logging
import shutil
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from patchsieve.errors import PatchSieveError
from patchsieve.station.engine import EventHub, FitRequest, FitResult, JobEnd, JobRunner
from patchsieve.station.errors import Conflict, NotFound
from patchsieve.station.languages import said
from patchsieve.station.services.audit import record
from patchsieve.station.services.gathering import Gathered, Pending, gather
from patchsieve.station.services.lines import Lines
from patchsieve.station.services.versions import Version
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.fit_cache import FitCache
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import JobRow, LineRow

Kind = Literal["refit", "update"]
State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]

OPEN: tuple[State, ...] = ("queued", "running")
_JOBS = "jobs"
_PAUSES = (0.5, 2.0, 10.0, 30.0)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Work in the background.

    Attributes:
        id: key in the database.
        kind: "refit" or "update".
        line: name of the line.
        state: "queued", "running", "done", "failed", "cancelled" or "interrupted" by the end of the station.
        stage: what it is at, in words.
        done: how much of the stage, 0 to 1.
        created_at: when it was asked for.
        started_at: when it was begun.
        finished_at: when it ended.
        by: who asked.
        parent: number of the version that it begins with.
        version: number of the version that it made.
        changes: what the new version is and does otherwise.
        error: why it failed.
    """

    id: str
    kind: Kind
    line: str
    state: State
    stage: str
    done: float
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    by: str
    parent: int
    version: int | None
    changes: FitResult | None
    error: str | None


class Refitting:
    """Makes new versions in the background.

    Args:
        store: of the station.
        pictures: originals of the history.
        lines: that get the new versions.
        events: told how jobs go, as events of the kind "job".
        device: where models are fitted.
    """

    def __init__(
        self, store: Store, pictures: PictureFiles, lines: Lines, events: EventHub, *, device: str = "auto"
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._lines = lines
        self._events = events
        self._device = device
        self._runner = JobRunner(
            store.data_dir / _JOBS, began=self._began, went_on=self._went_on, ended=self._ended
        )

    def recover(self) -> None:
        """Say of jobs that were under way when the station ended that they were interrupted."""
        with self._store.writing() as session:
            session.execute(
                update(JobRow)
                .where(JobRow.state.in_(OPEN))
                .values(
                    state="interrupted",
                    finished_at=now(),
                    error=str(said("the station was stopped meanwhile")),
                )
            )

    def pending(self, line: str) -> Pending:
        """Return what a job would take in now. Raises `NotFound` where there is no line, or no version of it."""
        version = self._lines.version(line)
        with self._store.reading() as session:
            found = gather(session, self._pictures, version)
        return found.pending

    def start(self, line: str, kind: Kind = "refit", *, by: str) -> Job:
        """Put a job behind those that wait.

        Args:
            line: its active version is what the job begins with.
            kind: "refit": learn anew from the training images, less those marked drop; "update": go on from the
                version as it is. Both take in what people said of inspections.
            by: who asks.

        Raises:
            NotFound: there is no such line.
            Conflict: there is nothing to do, or the line has a job that has not ended.
        """
        version = self._lines.version(line)
        with self._store.writing() as session:
            # Of two who ask at the same time one waits here.
            row = session.scalar(select(LineRow).where(LineRow.name == line).with_for_update())
            assert row is not None
            if session.scalar(select(JobRow.id).where(JobRow.line_id == row.id, JobRow.state.in_(OPEN))):
                raise Conflict(said("%(line)s has a job that has not ended yet", line=line))
            found = gather(session, self._pictures, version)
            _require_work(kind, found)
            job = JobRow(
                kind=kind,
                line_id=row.id,
                by=by,
                created_at=now(),
                request={"parent": version.number, **found.counts},
            )
            session.add(job)
            session.flush()
            record(session, by, "job.start", f"{line}/{kind}", None, dict(job.request))
            request = self._request(session, job, version, kind, found)
            seen = _job(job, line)
        self._tell(seen)
        self._runner.start(seen.id, request)
        return seen

    def cancel(self, job_id: str, *, by: str) -> Job:
        """Stop a job.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended.
        """
        job = self.job(job_id)
        if not self._runner.cancel(job_id):
            raise Conflict(said("this job has ended already"))
        with self._store.writing() as session:
            record(session, by, "job.cancel", f"{job.line}/{job.kind}", {"id": job_id}, None)
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        """Return a job. Raises `NotFound`."""
        with self._store.reading() as session:
            found = session.execute(_jobs().where(JobRow.id == job_id)).one_or_none()
        if found is None:
            raise NotFound(said("there is no job %(id)s", id=job_id))
        return _job(*found)

    def jobs(self, line: str | None = None, limit: int = 20) -> list[Job]:
        """Return the latest jobs, of one line or of all, the newest first. Raises `NotFound`."""
        query = _jobs().order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
        if line is not None:
            query = query.where(JobRow.line_id == self._lines.line(line).id)
        with self._store.reading() as session:
            return [_job(*found) for found in session.execute(query)]

    def job_of(self, line: str, number: int) -> Job | None:
        """Return the job that made a version; None for an imported one. Raises `NotFound` where there is no line."""
        return next((job for job in self.jobs(line, limit=1000) if job.version == number), None)

    def close(self) -> None:
        """Stop the job at work; it is interrupted, and so are those that wait."""
        self._runner.close()

    def _request(
        self, session: Session, job: JobRow, version: Version, kind: Kind, found: Gathered
    ) -> FitRequest:
        folder = self._store.data_dir.absolute()
        return FitRequest(
            kind=kind,
            model=version.path.absolute(),
            out=folder / _JOBS / job.id / "new.sieve",
            cache=FitCache(folder).folder,
            device=self._device,
            points=found.points,
            keep=found.keep if kind == "refit" else (),
            drop=found.drop if kind == "refit" else (),
            good=found.kept_apart(self._store.data_dir / "training" / version.line),
            defects=found.defects,
            history=found.history(session),
        )

    def _began(self, job_id: str) -> None:
        self._change(job_id, state="running", started_at=now())

    def _went_on(self, job_id: str, stage: str, done: float) -> None:
        try:
            self._change(job_id, stage=stage, done=done)
        except Exception:  # the fit is not to be lost for a bar that does not move
            _log.warning("the progress of job %s could not be written", job_id, exc_info=True)

    def _ended(self, job_id: str, end: JobEnd) -> None:
        """Write the end of a job down; a database that is away for a moment shall not cost an hour's work."""
        for pause in _PAUSES:
            try:
                return self._write_end(job_id, end)
            except OperationalError:
                _log.warning("the end of job %s could not be written yet", job_id, exc_info=True)
                sleep(pause)
        return self._write_end(job_id, end)

    def _write_end(self, job_id: str, end: JobEnd) -> None:
        made = self._store.data_dir / _JOBS / job_id / "new.sieve"
        changes: dict[str, Any] = {"state": end.state, "error": end.error, "finished_at": now()}
        if end.detail:
            _log.error("job %s broke down: %s", job_id, end.detail)
        if end.state == "done":
            job = self.job(job_id)
            note = f"{job.kind} of version {job.parent}"
            try:
                version = self._lines.add_version(job.line, made, by=job.by, note=note, parent=job.parent)
            except PatchSieveError as error:
                changes |= {"state": "failed", "error": str(error)}
            else:
                changes |= {"result": {"version": version.number, "changes": end.result}, "done": 1.0}
        if changes["state"] != "failed":
            # Of one that failed the folder says why.
            shutil.rmtree(made.parent, ignore_errors=True)
        self._change(job_id, **changes)

    def _change(self, job_id: str, **values: Any) -> None:
        with self._store.writing() as session:
            session.execute(update(JobRow).where(JobRow.id == job_id).values(**values))
        self._tell(self.job(job_id))

    def _tell(self, job: Job) -> None:
        told = {
            name: getattr(job, name) for name in ("id", "kind", "line", "state", "stage", "done", "version")
        }
        self._events.publish("job", told, self._lines.line(job.line).id)


def _require_work(kind: Kind, found: Gathered) -> None:
    if kind == "update" and not (found.good or found.defects):
        raise Conflict(
            said("there is nothing new to learn: confirm or correct verdicts of the history first")
        )
    if kind == "refit" and not any(found.counts.values()):
        raise Conflict(
            said("there is nothing to change: mark suspects, or confirm or correct verdicts of the history")
        )


def _jobs() -> Any:
    return select(JobRow, LineRow.name).join(LineRow, LineRow.id == JobRow.line_id)


def _job(row: JobRow, line: str) -> Job:
    result = row.result or {}
    changes = result.get("changes")
    kind: Any = row.kind
    state: Any = row.state
    return Job(
        id=row.id,
        kind=kind,
        line=line,
        state=state,
        stage=row.stage or "",
        done=row.done or 0.0,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        by=row.by,
        parent=int(row.request["parent"]),
        version=result.get("version"),
        changes=None if changes is None else FitResult.model_validate(changes),
        error=row.error,
    )
