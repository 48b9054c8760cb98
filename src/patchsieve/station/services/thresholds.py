"""Thresholds: the operating points of a line, what they would cost on its history, and who changed them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.decisions import Costs, OperatingPoint, Purpose, labelled_threshold
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.station.engine import ModelPool, Serving
from patchsieve.station.errors import Conflict, Invalid
from patchsieve.station.languages import heard, said
from patchsieve.station.services.audit import record
from patchsieve.station.services.judged_scores import Floats, JudgedScores
from patchsieve.station.services.lines import Lines
from patchsieve.station.services.operating import current_row, point_of, row_of
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import PointRow, VersionRow

_BINS = 48
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point as it is, or was.

    Attributes:
        name: what it is called by.
        threshold: an image with a higher score is called defective.
        rule: how it was chosen, such as ``false-alarms 0.01``.
        words: what is known of it, in sentences.
        is_default: whether it counts where none is named.
        by: who made it so.
        at: when.
        until: when it was superseded; None for one that counts now.
    """

    name: str
    threshold: float
    rule: str
    words: tuple[str, ...]
    is_default: bool
    by: str
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """How scores are distributed, in equal bins.

    Attributes:
        edges: of the bins, `[B + 1]`.
        good: inspections that people called good, in each bin, `[B]`.
        defective: that people called defects.
        unjudged: that nobody has judged.
        training: training images, scored by models that have not seen them.
    """

    edges: tuple[float, ...]
    good: tuple[int, ...]
    defective: tuple[int, ...]
    unjudged: tuple[int, ...]
    training: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HistoryCosts:
    """What a threshold would have cost on the inspections of the active version.

    Attributes:
        threshold: the one asked for.
        costs: false alarms and misses among those that people judged, with intervals.
        unjudged: inspections that nobody has judged.
        unjudged_alarms: those of them above the threshold.
        notes: what one must know to read it, in sentences.
    """

    threshold: float
    costs: Costs
    unjudged: int
    unjudged_alarms: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a point shall be; exactly one of the three is given.

    Attributes:
        threshold: the value itself.
        false_alarms: share of good images that may be above it, by the training images.
        purpose: what it shall do on the inspections that people judged.
        clean: with false_alarms: a person has looked, and no training image is defective.
    """

    threshold: float | None = None
    false_alarms: float | None = None
    purpose: Purpose | None = None
    clean: bool = False


class Thresholds:
    """The operating points of the active versions of lines. Changing one changes no model."""

    def __init__(self, store: Store, lines: Lines, pool: ModelPool) -> None:
        self._store = store
        self._lines = lines
        self._pool = pool

    def points(self, line: str) -> list[Point]:
        """Return the points of the active version by name. Raises `NotFound`."""
        version = self._lines.version(line)
        query = select(PointRow).where(PointRow.version_id == version.id, PointRow.superseded_at.is_(None))
        with self._store.reading() as session:
            return [_point(row) for row in session.scalars(query.order_by(PointRow.name))]

    def point(self, line: str, name: str | None = None) -> Point:
        """Return a point of the active version, the default where none is named. Raises `NotFound`."""
        version = self._lines.version(line)
        with self._store.reading() as session:
            return _point(current_row(session, version.id, name))

    def changes(self, line: str) -> list[Point]:
        """Return all points that the active version ever had, the latest first. Raises `NotFound`."""
        version = self._lines.version(line)
        query = select(PointRow).where(PointRow.version_id == version.id).order_by(PointRow.id.desc())
        with self._store.reading() as session:
            return [_point(row) for row in session.scalars(query)]

    def change(self, line: str, name: str, goal: Goal, *, by: str) -> Point:
        """Make a point, or another one of the same name.

        Raises:
            NotFound: there is no such line.
            Invalid: the goal or the name cannot be.
            Conflict: too little of the history is judged for the goal.
        """
        if len(name) > _LONGEST_NAME or not name.isprintable() or "/" in name:
            raise Invalid(
                said(
                    "a point's name is a word of at most %(count)s letters, without a slash",
                    count=_LONGEST_NAME,
                )
            )
        serving = self._serving(line)
        try:
            point = self._made(serving, name, goal)
        except ConfigError as error:
            raise Invalid(str(error)) from error
        except ImagesError as error:
            raise Conflict(
                said("%(why)s; judge inspections of both kinds first, in the history", why=heard(str(error)))
            ) from error
        with self._store.writing() as session:
            version = _locked(session, serving.version_id)
            before = _current(session, version.id, name)
            row = row_of(version.id, point, is_default=before is not None and before.is_default, by=by)
            _supersede(session, before, row)
            record(
                session,
                by,
                "threshold.change",
                f"{line}/{name}",
                _told(before) if before else None,
                _told(row),
            )
            session.flush()
            return _point(row)

    def use(self, line: str, name: str, *, by: str) -> Point:
        """Make a point the one that counts where none is named. Raises `NotFound`."""
        active = self._lines.version(line)
        with self._store.writing() as session:
            version = _locked(session, active.id)
            before = current_row(session, version.id, None)
            chosen = current_row(session, version.id, name)
            if before.name == chosen.name:
                return _point(before)
            _supersede(session, before, row_of(version.id, point_of(before), is_default=False, by=by))
            row = row_of(version.id, point_of(chosen), is_default=True, by=by)
            _supersede(session, chosen, row)
            record(session, by, "threshold.use", line, {"point": before.name}, {"point": name})
            session.flush()
            return _point(row)

    def remove(self, line: str, name: str, *, by: str) -> None:
        """Let a point count no more.

        Raises:
            NotFound: there is no such line or point.
            Conflict: it is the default.
        """
        active = self._lines.version(line)
        with self._store.writing() as session:
            version = _locked(session, active.id)
            row = current_row(session, version.id, name)
            if row.is_default:
                raise Conflict(said("%(name)s is in use: use another point first", name=name))
            row.superseded_at = now()
            record(session, by, "threshold.remove", f"{line}/{name}", _told(row))

    def histogram(self, line: str) -> Histogram:
        """Return how the scores of the active version are distributed. Raises `NotFound`."""
        serving = self._serving(line)
        scores = JudgedScores.of(self._store, serving.version_id)
        training = np.asarray(serving.model.training_.scores, np.float64)
        every = np.concatenate([scores.good, scores.defective, scores.unjudged, training])
        edges = np.histogram_bin_edges(every, _BINS)

        def counts(values: Floats) -> tuple[int, ...]:
            return tuple(np.histogram(values, edges)[0].tolist())

        return Histogram(
            edges=tuple(edges.tolist()),
            good=counts(scores.good),
            defective=counts(scores.defective),
            unjudged=counts(scores.unjudged),
            training=counts(training),
        )

    def cost(self, line: str, threshold: float) -> HistoryCosts:
        """Return what a threshold would have cost on the history of the active version. Raises `NotFound`."""
        scores = JudgedScores.of(self._store, self._lines.version(line).id)
        labels, values = scores.labelled
        return HistoryCosts(
            threshold=threshold,
            costs=Costs.of(labels, values > threshold),
            unjudged=len(scores.unjudged),
            unjudged_alarms=int((scores.unjudged > threshold).sum()),
            notes=scores.notes(threshold),
        )

    def _made(self, serving: Serving, name: str, goal: Goal) -> OperatingPoint:
        given = [one for one in (goal.threshold, goal.false_alarms, goal.purpose) if one is not None]
        if len(given) != 1:
            raise Invalid(said("say one thing: a threshold, a share of false alarms, or a purpose"))
        if goal.threshold is not None:
            return OperatingPoint.at(name, goal.threshold)
        if goal.false_alarms is not None:
            training = serving.model.training_
            return OperatingPoint.for_false_alarms(
                name, training.scores, goal.false_alarms, clean=goal.clean, doubted=training.set_aside
            )
        assert goal.purpose is not None
        labels, values = JudgedScores.of(self._store, serving.version_id).labelled
        found = labelled_threshold(labels, values, goal.purpose)
        return OperatingPoint.for_purpose(name, goal.purpose, found)

    def _serving(self, line: str) -> Serving:
        return self._pool.serving(self._lines.line(line).id)


def _locked(session: Session, version_id: str) -> VersionRow:
    """Return the version's row, held until the end: its points are changed by one at a time."""
    return session.scalars(select(VersionRow).where(VersionRow.id == version_id).with_for_update()).one()


def _current(session: Session, version_id: str, name: str) -> PointRow | None:
    return session.scalar(
        select(PointRow).where(
            PointRow.version_id == version_id, PointRow.name == name, PointRow.superseded_at.is_(None)
        )
    )


def _supersede(session: Session, before: PointRow | None, row: PointRow) -> None:
    row.at = now()
    if before is not None:
        before.superseded_at = row.at
        # Of one name only one may count, at any moment.
        session.flush()
    session.add(row)


def _told(row: PointRow) -> dict[str, Any]:
    return {"threshold": row.threshold, "rule": row.purpose["rule"]}


def _point(row: PointRow) -> Point:
    point = point_of(row)
    return Point(
        name=row.name,
        threshold=row.threshold,
        rule=point.rule,
        words=point.words,
        is_default=row.is_default,
        by=row.by,
        at=row.at,
        until=row.superseded_at,
    )
