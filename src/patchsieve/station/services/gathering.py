"""What people said since a version was made: marks of its training images and verdicts on inspections."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.decisions import OperatingPoints
from patchsieve.files import replacing
from patchsieve.station.engine.fit_forms import Correction, Past, training_name
from patchsieve.station.services.operating import point_of
from patchsieve.station.services.versions import Version
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import InspectionRow, JobRow, MarkRow, PointRow, VersionRow

# Of the newest inspections: enough to see what a version changes, few enough to be scored in a minute.
_HISTORY = 200
_MOST_CORRECTIONS = 1000


@dataclass(frozen=True, slots=True)
class Pending:
    """What a job would take in now.

    Attributes:
        version: number of the version that it would begin with.
        keep: training images marked keep.
        drop: training images marked drop.
        good: inspections confirmed to be good that no version has learnt from.
        defects: inspections confirmed to be defects that no version has learnt to see.
    """

    version: int
    keep: int
    drop: int
    good: int
    defects: int


@dataclass(frozen=True)
class Gathered:
    """What a job can take in.

    Attributes:
        version: that it begins with.
        points: its operating points as they are now, as `OperatingPoints.header` gives them.
        keep: training images marked keep.
        drop: training images to leave out: those marked drop, and inspections that were learnt from as good and called
            defects since.
        good: inspections to learn from.
        defects: inspections whose defects are to leave the model.
    """

    version: Version
    points: dict[str, Any] | None
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    good: tuple[Correction, ...]
    defects: tuple[Correction, ...]
    _pictures: PictureFiles = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """How much there is of each."""
        return {name: len(getattr(self, name)) for name in ("keep", "drop", "good", "defects")}

    @property
    def pending(self) -> Pending:
        """The same, with the version."""
        return Pending(version=self.version.number, **self.counts)

    def kept_apart(self, folder: Path) -> tuple[Correction, ...]:
        """Return the good ones with files that stay: what a model has learnt from outlives the history's retention."""
        kept = []
        for each in self.good:
            target = folder / each.file.name
            # One that is gone meanwhile is named by the job.
            with self._pictures.claimed(each.sha256), suppress(FileNotFoundError):
                _link(each.file, target)
            kept.append(each.model_copy(update={"file": target.absolute()}))
        return tuple(kept)

    def history(self, session: Session) -> tuple[Past, ...]:
        """Return the latest inspections, each image once."""
        rows = session.scalars(
            select(InspectionRow)
            .where(InspectionRow.line_id == _line_id(session, self.version))
            .order_by(InspectionRow.created_at.desc(), InspectionRow.id)
            .limit(_HISTORY)
        )
        latest: dict[str, InspectionRow] = {}
        for row in rows:
            latest.setdefault(row.image_sha256, row)
        return tuple(
            Past(
                inspection_id=row.id,
                name=row.image_name,
                file=self._pictures.path(row.image_file).absolute(),
                score=row.score if row.version_id == self.version.id else None,
                human=cast('Literal["good", "defect"] | None', row.human_verdict),
            )
            for row in latest.values()
        )


def gather(session: Session, pictures: PictureFiles, version: Version) -> Gathered:
    """Return what people said that a version does not know yet."""
    marks = marks_of(session, version.id)
    learnt, rejected = _known(session, version)
    judged = session.scalars(
        select(InspectionRow)
        .where(InspectionRow.line_id == _line_id(session, version), InspectionRow.human_verdict.is_not(None))
        .order_by(InspectionRow.judged_at.desc())
        .limit(_MOST_CORRECTIONS)
    ).all()
    good = [row for row in judged if row.human_verdict == "good" and row.id not in learnt]
    defects = [row for row in judged if row.human_verdict == "defect"]
    mistaken = [training_name(row.id, row.image_name) for row in defects if row.id in learnt]
    dropped = [name for name, mark in marks.items() if mark.verdict == "drop"]
    return Gathered(
        version=version,
        points=_points(session, version.id),
        keep=tuple(name for name, mark in marks.items() if mark.verdict == "keep"),
        drop=tuple(dict.fromkeys([*dropped, *mistaken])),
        good=tuple(_correction(row, pictures) for row in good),
        defects=tuple(_correction(row, pictures) for row in defects if row.id not in rejected),
        _pictures=pictures,
    )


def marks_of(session: Session, version_id: str) -> dict[str, MarkRow]:
    """Return the mark that counts, by training image: the last one of each; those taken back are not among them."""
    rows = session.scalars(select(MarkRow).where(MarkRow.version_id == version_id).order_by(MarkRow.id))
    last = {row.image_name: row for row in rows}
    return {name: row for name, row in last.items() if row.verdict is not None}


def _line_id(session: Session, version: Version) -> str:
    row = session.get(VersionRow, version.id)
    assert row is not None
    return row.line_id


def _known(session: Session, version: Version) -> tuple[set[str], set[str]]:
    """Return of which inspections a version and those before it have learnt, and of which they rejected the defects."""
    numbers = set()
    row = session.get(VersionRow, version.id)
    assert row is not None
    line_id = row.line_id
    while row is not None:
        numbers.add(row.number)
        row = session.get(VersionRow, row.parent_id) if row.parent_id else None
    learnt: set[str] = set()
    rejected: set[str] = set()
    for result in session.scalars(
        select(JobRow.result).where(JobRow.line_id == line_id, JobRow.state == "done")
    ):
        if result is not None and result["version"] in numbers:
            learnt.update(result["changes"]["learnt"])
            rejected.update(result["changes"]["rejected"])
    return learnt, rejected


def _points(session: Session, version_id: str) -> dict[str, Any] | None:
    rows = session.scalars(
        select(PointRow)
        .where(PointRow.version_id == version_id, PointRow.superseded_at.is_(None))
        .order_by(PointRow.id)
    ).all()
    default = next((row.name for row in rows if row.is_default), None)
    if default is None:
        return None
    return OperatingPoints(tuple(point_of(row) for row in rows), default).header()


def _correction(row: InspectionRow, pictures: PictureFiles) -> Correction:
    # Where the model saw a defect, a person who confirms it confirms the place.
    boxes = tuple(region["box"] for region in row.regions) if row.verdict != "good" else ()
    return Correction(
        inspection_id=row.id,
        name=row.image_name,
        file=pictures.path(row.image_file).absolute(),
        sha256=row.image_sha256,
        boxes=boxes,
    )


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        if not source.exists():
            raise FileNotFoundError(source) from None
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
