"""Lines and versions, as the services give them out."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from patchsieve.station.store.tables import LineRow, VersionRow

READY = "ready"


@dataclass(frozen=True, slots=True)
class Line:
    """A production line.

    Attributes:
        id: key in the database.
        name: in addresses: small letters, digits and hyphens.
        title: for people.
        created_at: when it came.
        active: number of the version that inspects; None before the first.
    """

    id: str
    name: str
    title: str
    created_at: datetime
    active: int | None


@dataclass(frozen=True, slots=True)
class Version:
    """A model of a line.

    Attributes:
        id: key in the database.
        line: name of the line.
        number: counts from 1 in each line.
        sha256: of the model file.
        detector: the system, such as ``softpatch``.
        backbone: name of its network.
        training_images: how many it was fitted on.
        parent: number of the version that it was refitted from; None for an imported one.
        created_at: when it came.
        created_by: who brought or fitted it.
        note: in words.
        state: "ready", or "retired": kept, and not to be switched to.
        active: whether it inspects now.
        path: the model file.
    """

    id: str
    line: str
    number: int
    sha256: str
    detector: str
    backbone: str
    training_images: int
    parent: int | None
    created_at: datetime
    created_by: str
    note: str
    state: str
    active: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Switch:
    """A version that was made the active one.

    Attributes:
        line: name of the line.
        number: of the version.
        by: who made it so.
        at: when.
    """

    line: str
    number: int
    by: str
    at: datetime


def line_of(row: LineRow, active: int | None) -> Line:
    """Return the line of a row."""
    return Line(row.id, row.name, row.title, row.created_at, active)


def version_of(session: Session, data_dir: Path, line: LineRow, row: VersionRow) -> Version:
    """Return the version of a row, whose file stands in a data folder."""
    parent = session.get(VersionRow, row.parent_id) if row.parent_id else None
    return Version(
        id=row.id,
        line=line.name,
        number=row.number,
        sha256=row.sha256,
        detector=row.detector,
        backbone=row.backbone,
        training_images=row.training_images,
        parent=parent.number if parent else None,
        created_at=row.created_at,
        created_by=row.created_by,
        note=row.note,
        state=row.state,
        active=line.active_version_id == row.id,
        path=data_dir / row.file,
    )
