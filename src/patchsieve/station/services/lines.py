"""Lines and the versions of their models: import, switch, roll back. Nothing is ever overwritten."""

import re
import threading
from pathlib import Path

from sqlalchemy import func, select

from patchsieve.errors import PatchSieveError
from patchsieve.station.engine import ModelPool
from patchsieve.station.errors import Conflict
from patchsieve.station.languages import said
from patchsieve.station.services.audit import record
from patchsieve.station.services.line_rows import line_row, version_row
from patchsieve.station.services.model_files import MODELS, ModelFile
from patchsieve.station.services.operating import add_points
from patchsieve.station.services.versions import READY, Line, Switch, Version, line_of, version_of
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import LineRow, SwitchRow, VersionRow

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class Lines:
    """The lines of a station."""

    def __init__(self, store: Store, pool: ModelPool) -> None:
        self._store = store
        self._pool = pool
        # One change of what is active at a time: the pool and the database shall agree.
        self._changing = threading.Lock()

    def start(self) -> None:
        """Load the active version of every line. Raises `PatchSieveError` where one cannot be."""
        with self._store.reading() as session:
            rows = session.scalars(
                select(VersionRow).join(LineRow, LineRow.active_version_id == VersionRow.id)
            ).all()
        for row in rows:
            self._pool.activate(row.line_id, row.id, self._store.data_dir / row.file)

    def serve_file(self, path: Path, *, by: str = "serve") -> Version:
        """Bring a model file in: a line named after it, with the file as its newest and active version.

        A file that one of the line's versions was made of changes nothing.

        Raises:
            PatchSieveError: it is no model file, or cannot be used here.
        """
        file = ModelFile.read(path)
        name = _NOT_IN_NAMES.sub("-", path.stem.lower()).strip("-")
        if not name:
            raise PatchSieveError(
                f"{path} gives the line no name: name the file with letters a to z and digits"
            )
        with self._store.writing() as session:
            line = session.scalar(select(LineRow).where(LineRow.name == name))
            if line is None:
                session.add(LineRow(name=name, title=path.stem))
            else:
                known = session.scalar(
                    select(VersionRow).where(VersionRow.line_id == line.id, VersionRow.sha256 == file.sha256)
                )
                if known is not None and line.active_version_id is not None:
                    return version_of(session, self._store.data_dir, line, known)
        version = self.add_version(name, path, by=by, note=f"imported from {path.name}")
        return self.switch(name, version.number, by=by)

    def add_version(
        self, line: str, path: Path, *, by: str, note: str = "", parent: int | None = None
    ) -> Version:
        """Take a model file in as the line's next version, with its operating points; it is not active yet.

        Raises:
            NotFound: there is no such line or parent.
            PatchSieveError: it is no model file, or cannot be copied.
        """
        file = ModelFile.read(path)
        with self._store.writing() as session:
            # Held until the commit: no two versions get one number.
            row = line_row(session, line, lock=True)
            newest = session.scalar(select(func.max(VersionRow.number)).where(VersionRow.line_id == row.id))
            number = (newest or 0) + 1
            version = VersionRow(
                line_id=row.id,
                number=number,
                file=f"{MODELS}/{row.name}/{number}.sieve",
                sha256=file.sha256,
                detector=file.detector,
                backbone=file.backbone,
                training_images=file.training_images,
                parent_id=None if parent is None else version_row(session, row, parent).id,
                created_by=by,
                note=note,
                state=READY,
            )
            file.copy_to(self._store.data_dir / version.file)
            session.add(version)
            session.flush()
            add_points(session, version.id, file.points, by=by)
            record(session, by, "version.add", line, after={"version": number, "sha256": file.sha256})
            return version_of(session, self._store.data_dir, row, version)

    def all(self) -> list[Line]:
        """Return all lines by name."""
        with self._store.reading() as session:
            rows = session.execute(
                select(LineRow, VersionRow.number)
                .outerjoin(VersionRow, VersionRow.id == LineRow.active_version_id)
                .order_by(LineRow.name)
            )
            return [line_of(row, number) for row, number in rows]

    def line(self, name: str) -> Line:
        """Return a line. Raises `NotFound`."""
        with self._store.reading() as session:
            row = line_row(session, name)
            active = session.get(VersionRow, row.active_version_id) if row.active_version_id else None
            return line_of(row, active.number if active else None)

    def versions(self, name: str) -> list[Version]:
        """Return a line's versions, the newest first. Raises `NotFound`."""
        with self._store.reading() as session:
            line = line_row(session, name)
            rows = session.scalars(
                select(VersionRow).where(VersionRow.line_id == line.id).order_by(VersionRow.number.desc())
            ).all()
            return [version_of(session, self._store.data_dir, line, row) for row in rows]

    def version(self, name: str, number: int | None = None) -> Version:
        """Return a version, the active one where no number is given. Raises `NotFound`."""
        with self._store.reading() as session:
            line = line_row(session, name)
            return version_of(session, self._store.data_dir, line, version_row(session, line, number))

    def switch(self, name: str, number: int, *, by: str) -> Version:
        """Make a version the one that inspects. What was accepted before is scored by the one before.

        Raises:
            NotFound: there is no such line or version.
            Conflict: the version is retired, or its file cannot be used here; the line keeps the version it has.
        """
        with self._changing:
            return self._switch(name, number, by)

    def roll_back(self, name: str, *, by: str) -> Version:
        """Make the version the active one that was so before the present one.

        Raises:
            NotFound: there is no such line.
            Conflict: there was none before.
        """
        with self._changing:
            with self._store.reading() as session:
                line = line_row(session, name)
                before = session.scalar(
                    select(VersionRow.number)
                    .join(SwitchRow, SwitchRow.version_id == VersionRow.id)
                    .where(
                        SwitchRow.line_id == line.id,
                        SwitchRow.version_id != line.active_version_id,
                        VersionRow.state == READY,
                    )
                    .order_by(SwitchRow.id.desc())
                )
            if before is None:
                raise Conflict(
                    said(
                        "%(line)s has had no other version before: there is nothing to roll back to",
                        line=name,
                    )
                )
            return self._switch(name, before, by)

    def switches(self, name: str) -> list[Switch]:
        """Return which versions were made active, the latest first. Raises `NotFound`."""
        with self._store.reading() as session:
            line = line_row(session, name)
            rows = session.execute(
                select(SwitchRow, VersionRow.number)
                .join(VersionRow, VersionRow.id == SwitchRow.version_id)
                .where(SwitchRow.line_id == line.id)
                .order_by(SwitchRow.id.desc())
            )
            return [Switch(line.name, number, row.by, row.at) for row, number in rows]

    def _switch(self, name: str, number: int, by: str) -> Version:
        with self._store.reading() as session:
            line = line_row(session, name)
            version = version_row(session, line, number)
            before = session.get(VersionRow, line.active_version_id) if line.active_version_id else None
        if version.state != READY:
            raise Conflict(said("version %(number)s of %(line)s is retired", number=number, line=name))
        try:
            self._pool.activate(line.id, version.id, self._store.data_dir / version.file)
        except PatchSieveError as error:
            raise Conflict(
                said(
                    "version %(number)s of %(line)s cannot be used: %(why)s",
                    number=number,
                    line=name,
                    why=str(error),
                )
            ) from error
        try:
            with self._store.writing() as session:
                row = line_row(session, name, lock=True)
                if row.active_version_id != version.id:
                    was = {"version": before.number} if before else None
                    record(session, by, "version.switch", name, was, {"version": number})
                    row.active_version_id = version.id
                    session.add(SwitchRow(line_id=row.id, version_id=version.id, by=by, at=now()))
                return version_of(session, self._store.data_dir, row, version)
        except BaseException:
            # What is not written down does not count after a restart either.
            if before is not None:
                self._pool.activate(line.id, before.id, self._store.data_dir / before.file)
            raise
