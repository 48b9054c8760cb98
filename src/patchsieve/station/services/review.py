"""Review of the training images: which look defective, what speaks for it, and what people make of it."""

import io
from typing import TYPE_CHECKING, Literal, cast

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, Pixels, content_hash, decode
from patchsieve.station.errors import Invalid, NotFound
from patchsieve.station.languages import said
from patchsieve.station.services.audit import record
from patchsieve.station.services.gathering import marks_of
from patchsieve.station.services.lines import Lines
from patchsieve.station.services.newest import Newest
from patchsieve.station.services.operating import current_row
from patchsieve.station.services.suspects import Mark, MarkVerdict, Piece, Suspect, Suspects
from patchsieve.station.services.version_models import VersionModels
from patchsieve.station.services.versions import Version
from patchsieve.station.store import Store
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import LineRow, MarkRow

if TYPE_CHECKING:
    from patchsieve.detectors import Detector

# Shown even where fewer are above the threshold: the first good ones below it show that it is well placed.
_LEAST = 12
_MOST_PIXELS = 1280
_PICTURES_KEPT = 128


class Review:
    """Suspects of versions, and the marks that people give them.

    Args:
        store: of the station.
        lines: of the station.
        models: of their versions.
    """

    def __init__(self, store: Store, lines: Lines, models: VersionModels) -> None:
        self._store = store
        self._lines = lines
        self._models = models
        self._evidence: Newest[tuple[str, int], tuple[Piece, ...]] = Newest(_PICTURES_KEPT)
        self._pictures: Newest[tuple[str, int, str], bytes] = Newest(_PICTURES_KEPT)

    def suspects(self, line: str, number: int | None = None, *, top: int | None = None) -> Suspects:
        """Return the training images that look defective, worst first.

        Args:
            line: name of the line.
            number: of the version; None for the active one.
            top: how many; None for those above the threshold, and a few below it.

        Raises:
            NotFound: there is no such line or version.
        """
        version = self._lines.version(line, number)
        training = self._models.of(version).training_
        with self._store.reading() as session:
            threshold = current_row(session, version.id, None).threshold
            marks = marks_of(session, version.id)
        order = training.unmarked().tolist()
        above = sum(float(training.scores[index]) > threshold for index in order)
        found = []
        for rank, index in enumerate(order[: top or max(above, _LEAST)], start=1):
            image = training.images[index]
            mark = marks.get(image.name)
            score = float(training.scores[index])
            there = image.path is not None and image.path.is_file()
            found.append(
                Suspect(
                    rank,
                    image.name,
                    score,
                    score > threshold,
                    there,
                    _verdict(mark),
                    mark.by if mark else None,
                    mark.at if mark else None,
                )
            )
        return Suspects(version.number, threshold, len(training.images), above, training.kept, tuple(found))

    def evidence(self, line: str, number: int | None, rank: int) -> tuple[Piece, ...]:
        """Return why an image is suspect: its worst patch first, then normal patches to compare it with, nearest first.

        Raises:
            NotFound: there is no such suspect, or its file is gone or has changed.
        """
        version, model, index = self._suspect(line, number, rank)

        def make() -> tuple[Piece, ...]:
            from patchsieve.detectors.evidence import evidence
            from patchsieve.pictures.evidence import cutouts

            _require_unchanged(model.training_.images[index], model.training_.hashes[index])
            found = evidence(model, [index])
            return tuple(Piece(each.caption, _png(each.pixels)) for each in cutouts(model, found[index]))

        return self._evidence.get((version.id, rank), make)

    def picture(self, line: str, number: int | None, rank: int, kind: Literal["image", "map"]) -> bytes:
        """Return a suspect as PNG, as it is or with its anomaly map over it; large ones are made smaller.

        Raises:
            NotFound: there is no such suspect, or its file is gone or has changed.
        """
        version, model, index = self._suspect(line, number, rank)

        def make() -> bytes:
            from patchsieve.pictures import colour_scale, overlay

            image = model.training_.images[index]
            _require_unchanged(image, model.training_.hashes[index])
            pixels = decode(image)
            if kind == "map":
                seen = model.suspects(rank)
                left, top, right, bottom = seen.boxes[rank - 1].tolist()
                scale = colour_scale(model)
                pixels = overlay(pixels, seen.maps[rank - 1], scale, (left, top, right, bottom))
            return _png(pixels)

        return self._pictures.get((version.id, rank, kind), make)

    def mark(self, line: str, number: int | None, name: str, verdict: MarkVerdict | None, *, by: str) -> Mark:
        """Say of a training image that it shall be kept or dropped, or neither.

        Raises:
            NotFound: there is no such line, version or training image.
            Invalid: it is kept already, by a version before.
        """
        version = self._lines.version(line, number)
        training = self._models.of(version).training_
        try:
            index = training.images.names.index(name)
        except ValueError:
            raise NotFound(said("there is no training image %(name)s", name=name)) from None
        if name in training.kept and verdict == "keep":
            raise Invalid(said("%(name)s is kept already", name=name))
        with self._store.writing() as session:
            before = marks_of(session, version.id).get(name)
            row = MarkRow(
                line_id=_line_id(session, version),
                version_id=version.id,
                image_name=name,
                image_sha256=training.hashes[index],
                verdict=verdict,
                by=by,
                at=now(),
            )
            session.add(row)
            _record(session, version, name, _verdict(before), verdict, by)
        return _mark(row)

    def undo(self, line: str, number: int | None, *, by: str) -> Mark | None:
        """Take the last mark back that `by` gave a version; asked again, the one before. None where there is none.

        Raises:
            NotFound: there is no such line or version.
        """
        version = self._lines.version(line, number)
        with self._store.writing() as session:
            # Of two who undo at the same time one waits here.
            line_id = _line_id(session, version, lock=True)
            rows = session.scalars(
                select(MarkRow).where(MarkRow.version_id == version.id).order_by(MarkRow.id)
            ).all()
            undone = {row.undoes for row in rows}
            given = [row for row in rows if row.undoes is None and row.id not in undone]
            last = next((row for row in reversed(given) if row.by == by), None)
            if last is None:
                return None
            others = [row for row in given if row.image_name == last.image_name and row.id != last.id]
            counts = max((row for row in rows if row.image_name == last.image_name), key=lambda row: row.id)
            verdict = _verdict(others[-1]) if others else None
            row = MarkRow(
                line_id=line_id,
                version_id=version.id,
                image_name=last.image_name,
                image_sha256=last.image_sha256,
                verdict=verdict,
                by=by,
                at=now(),
                undoes=last.id,
            )
            session.add(row)
            _record(session, version, last.image_name, _verdict(counts), verdict, by)
        return _mark(row)

    def marks(self, line: str, number: int | None = None) -> tuple[Mark, ...]:
        """Return all marks ever given to a version, the newest first. Raises `NotFound`."""
        version = self._lines.version(line, number)
        with self._store.reading() as session:
            rows = session.scalars(
                select(MarkRow).where(MarkRow.version_id == version.id).order_by(MarkRow.id.desc())
            )
            return tuple(_mark(row) for row in rows)

    def _suspect(self, line: str, number: int | None, rank: int) -> "tuple[Version, Detector, int]":
        version = self._lines.version(line, number)
        model = self._models.of(version)
        order = model.training_.unmarked()
        if not 1 <= rank <= len(order):
            raise NotFound(said("there is no suspect %(rank)s", rank=rank))
        return version, model, int(order[rank - 1])


def _require_unchanged(image: ImageRecord, sha256: str) -> None:
    """Raise `NotFound` where a training image is not there any more as the model has seen it."""
    try:
        if image.path is not None and content_hash(image) == sha256:
            return
    except BrokenImageError:
        pass
    else:
        if image.path is not None:
            raise NotFound(
                said("the file of %(name)s has changed since the model was fitted", name=image.name)
            )
    raise NotFound(
        said("the file of %(name)s is not where it was when the model was fitted", name=image.name)
    )


def _png(pixels: Pixels) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _verdict(row: MarkRow | None) -> MarkVerdict | None:
    # The table holds nothing else.
    return cast("MarkVerdict | None", row.verdict) if row else None


def _mark(row: MarkRow) -> Mark:
    return Mark(row.image_name, _verdict(row), row.by, row.at, row.undoes is not None)


def _line_id(session: Session, version: Version, *, lock: bool = False) -> str:
    query = select(LineRow.id).where(LineRow.name == version.line)
    return session.scalars(query.with_for_update() if lock else query).one()


def _record(
    session: Session,
    version: Version,
    name: str,
    before: MarkVerdict | None,
    after: MarkVerdict | None,
    by: str,
) -> None:
    subject = f"{version.line}/{version.number}/{name}"
    record(session, by, "mark", subject, {"verdict": before}, {"verdict": after})
