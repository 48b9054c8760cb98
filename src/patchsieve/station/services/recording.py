"""Writing inspections down: maps to the disk, then rows to the database, then word to those who watch."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from patchsieve.decisions import Result
from patchsieve.decisions.region_files import region_fields
from patchsieve.errors import PatchSieveError
from patchsieve.station.engine import EventHub
from patchsieve.station.services.inspection import Inspection, event_of, inspection_of
from patchsieve.station.services.originals import Original
from patchsieve.station.store import GroupCommit, Store
from patchsieve.station.store.base import new_id, now
from patchsieve.station.store.pictures import PictureFiles, StoredMap
from patchsieve.station.store.tables import InspectionRow


@dataclass(frozen=True, slots=True)
class Scored:
    """An image with its result.

    Attributes:
        original: what was sent.
        file: where the original is kept.
        result: of this image alone, N = 1.
        seconds: that it took, decoding to map.
    """

    original: Original
    file: str
    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """The version that scored.

    Attributes:
        id: key in the database.
        number: among those of the line.
        scale: of the colours of its maps.
    """

    id: str
    number: int
    scale: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is written down of an image.

    Attributes:
        scored: with the threshold that counts.
        line_id: of which line.
        line: its name.
        version: that scored it.
        operating_point: name of the one whose threshold counts.
        source: "page", "api" or "watch".
        by: who asked.
        key: by which the client may ask again; None for none.
        fingerprint: of all that was asked.
    """

    scored: Scored
    line_id: str
    line: str
    version: ScoredBy
    operating_point: str
    source: str
    by: str
    key: str | None
    fingerprint: str


class Recorder:
    """Writes inspections down, those of many requests in one transaction.

    Args:
        store: where their rows go.
        pictures: where their maps go.
        events: told of each once it is committed.
    """

    def __init__(self, store: Store, pictures: PictureFiles, events: EventHub) -> None:
        self._commits = GroupCommit(store)
        self._pictures = pictures
        self._events = events

    def record(self, recorded: Sequence[Recorded]) -> list[Inspection]:
        """Write inspections down, all or none; return them in order.

        Raises:
            IntegrityError: one of the keys is taken.
            DBAPIError: the database has failed; whether they are written is not known.
            PatchSieveError: a file cannot be written.
        """
        rows = [_row(one) for one in recorded]
        try:
            for one, row in zip(recorded, rows, strict=True):
                result = one.scored.result
                stored = StoredMap(result.maps[0], tuple(result.boxes[0].tolist()), one.version.scale)
                self._pictures.keep_map(row.id, stored)
            self._commits.add(rows)
        except (PatchSieveError, IntegrityError):
            for row in rows:
                self._pictures.remove_map(row.id)
            raise
        written = [
            inspection_of(row, one.line, one.version.number) for one, row in zip(recorded, rows, strict=True)
        ]
        for one, inspection in zip(recorded, written, strict=True):
            self._events.publish("inspection", event_of(inspection), one.line_id)
        return written


def _row(one: Recorded) -> InspectionRow:
    result = one.scored.result
    (size,), (peak,) = result.sizes.tolist(), result.peaks.tolist()
    return InspectionRow(
        id=new_id(),
        line_id=one.line_id,
        version_id=one.version.id,
        image_sha256=one.scored.original.sha256,
        image_name=one.scored.original.name,
        image_file=one.scored.file,
        source=one.source,
        score=float(result.scores[0]),
        threshold=result.threshold,
        operating_point=one.operating_point,
        verdict=result.verdicts[0],
        width=size[1],
        height=size[0],
        peak_x=peak[0],
        peak_y=peak[1],
        regions=[region_fields(region) for region in result.regions()[0]],
        seconds=one.scored.seconds,
        created_at=now(),
        idempotency_key=one.key,
        request_sha256=one.fingerprint,
        by=one.by,
    )
