"""Writing inspections down: images and maps to the disk, then rows to the database, then word to those who watch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from patchsieve.decisions import Result
from patchsieve.decisions.region_files import region_fields
from patchsieve.station.engine import EventHub
from patchsieve.station.services.inspection import Inspection, event_of, inspection_of, inspections
from patchsieve.station.store import Store
from patchsieve.station.store.base import new_id, now
from patchsieve.station.store.pictures import PictureFiles, StoredMap, sha256_of
from patchsieve.station.store.tables import InspectionRow


@dataclass(frozen=True, slots=True)
class Scored:
    """An upload with its result.

    Attributes:
        name: what the client calls it.
        data: the file's bytes.
        kind: "PNG", "JPEG", ... by content.
        result: of this image alone, N = 1.
        seconds: that it took, decoding to map.
    """

    name: str
    data: bytes = field(repr=False)
    kind: str
    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is written down of an image.

    Attributes:
        scored: with the threshold that counts.
        line_id: of which line.
        version_id: that scored it.
        operating_point: name of the one whose threshold counts.
        source: "page", "api" or "watch".
        by: who asked.
        key: by which the client may ask again; None for none.
        fingerprint: of all that was asked.
        scale: of the map's colours.
    """

    scored: Scored
    line_id: str
    version_id: str
    operating_point: str
    source: str
    by: str
    key: str | None
    fingerprint: str
    scale: tuple[float, float]


class Recorder:
    """Writes inspections down.

    Args:
        store: where their rows go.
        pictures: where their images and maps go.
        events: told of each once it is committed.
    """

    def __init__(self, store: Store, pictures: PictureFiles, events: EventHub) -> None:
        self._store = store
        self._pictures = pictures
        self._events = events

    def record(self, recorded: Sequence[Recorded]) -> list[Inspection]:
        """Write inspections down, all or none; return them in order.

        Raises:
            IntegrityError: one of the keys is taken.
            PatchSieveError: a file cannot be written.
        """
        hashes = [sha256_of(one.scored.data) for one in recorded]
        rows = [_row(one, sha256) for one, sha256 in zip(recorded, hashes, strict=True)]
        # Until the rows are there, nothing else refers to the images.
        with self._pictures.claimed(*hashes):
            try:
                for one, row in zip(recorded, rows, strict=True):
                    self._keep(one, row)
                written = self._commit(rows)
            except BaseException:
                for row in rows:
                    self._pictures.remove_map(row.id)
                raise
        for row, inspection in zip(rows, written, strict=True):
            self._events.publish("inspection", event_of(inspection), row.line_id)
        return written

    def _keep(self, one: Recorded, row: InspectionRow) -> None:
        result = one.scored.result
        row.image_file = self._pictures.keep(one.scored.data, row.image_sha256, one.scored.kind)
        stored = StoredMap(result.maps[0], tuple(result.boxes[0].tolist()), one.scale)
        self._pictures.keep_map(row.id, stored)

    def _commit(self, rows: Sequence[InspectionRow]) -> list[Inspection]:
        ids = [row.id for row in rows]
        with self._store.writing() as session:
            session.add_all(rows)
            session.flush()
            query = inspections().where(InspectionRow.id.in_(ids))
            found = {row.id: inspection_of(row, line, number) for row, line, number in session.execute(query)}
        return [found[one_id] for one_id in ids]


def _row(one: Recorded, sha256: str) -> InspectionRow:
    result = one.scored.result
    (size,), (peak,) = result.sizes.tolist(), result.peaks.tolist()
    return InspectionRow(
        id=new_id(),
        line_id=one.line_id,
        version_id=one.version_id,
        image_sha256=sha256,
        image_name=one.scored.name,
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
