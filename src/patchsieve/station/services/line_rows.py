"""Lines and versions found by the names that people know them by."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.station.errors import NotFound
from patchsieve.station.languages import said
from patchsieve.station.store.tables import LineRow, VersionRow


def line_row(session: Session, name: str, *, lock: bool = False) -> LineRow:
    """Return the row of a line, held until the end of the transaction where asked. Raises `NotFound`."""
    query = select(LineRow).where(LineRow.name == name)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(said("there is no line %(line)s", line=name))
    return row


def version_row(session: Session, line: LineRow, number: int | None) -> VersionRow:
    """Return the row of a version, of the active one where no number is given. Raises `NotFound`."""
    query = select(VersionRow).where(VersionRow.line_id == line.id)
    if number is None:
        query = query.where(VersionRow.id == line.active_version_id)
    else:
        query = query.where(VersionRow.number == number)
    row = session.scalar(query)
    if row is None:
        raise NotFound(
            said("%(line)s has no version that is active", line=line.name)
            if number is None
            else said("%(line)s has no version %(number)s", line=line.name, number=number)
        )
    return row
