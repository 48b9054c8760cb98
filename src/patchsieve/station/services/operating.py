"""Operating points of a version, between rows and the points that `patchsieve.decisions` knows."""

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.decisions import OperatingPoint, OperatingPoints
from patchsieve.station.errors import NotFound
from patchsieve.station.languages import said
from patchsieve.station.store.tables import PointRow

_COLUMNS = ("name", "threshold")


def add_points(session: Session, version_id: str, points: OperatingPoints, *, by: str) -> None:
    """Add the points of a model file to its new version."""
    for point in points:
        session.add(row_of(version_id, point, is_default=point.name == points.default, by=by))


def row_of(version_id: str, point: OperatingPoint, *, is_default: bool, by: str) -> PointRow:
    """Return the row of a point."""
    purpose = {name: value for name, value in asdict(point).items() if name not in _COLUMNS}
    return PointRow(
        version_id=version_id,
        name=point.name,
        threshold=point.threshold,
        purpose=purpose,
        is_default=is_default,
        by=by,
    )


def point_of(row: PointRow) -> OperatingPoint:
    """Return the point of a row."""
    return OperatingPoint.restored({**row.purpose, "name": row.name, "threshold": row.threshold})


def current_row(session: Session, version_id: str, name: str | None) -> PointRow:
    """Return the row of a point that counts now, the default's where no name is given. Raises `NotFound`."""
    current = select(PointRow).where(PointRow.version_id == version_id, PointRow.superseded_at.is_(None))
    row = session.scalar(current.where(PointRow.is_default if name is None else PointRow.name == name))
    if row is None:
        known = sorted(each.name for each in session.scalars(current))
        raise NotFound(
            said(
                "there is no operating point %(name)s; there are %(known)s", name=name, known=", ".join(known)
            )
        )
    return row
