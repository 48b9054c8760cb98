"""One inspection, as the services give it out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from patchsieve.station.store.tables import InspectionRow, LineRow, VersionRow


@dataclass(frozen=True, slots=True)
class Inspection:
    """One image that was judged.

    Attributes:
        id: key in the database and in addresses.
        line: name of the line.
        version: number of the model version that scored it.
        image_name: what the client called it; a label only.
        image_sha256: of the file.
        source: "page", "api" or "watch".
        score: anomaly score, on the model's own scale.
        threshold: that it was held against.
        operating_point: of which name the threshold was.
        verdict: "good", "review" or "defect".
        width: of the image as it is shown, in pixels.
        height: of the image as it is shown, in pixels.
        peak: (x, y), where the map is highest, in pixels.
        regions: what is outlined; the fields are those of the regions file that the manual describes.
        seconds: that the image took, decoding to map.
        created_at: when it was inspected.
        by: who asked.
        human_verdict: what a person said: "good", "defect", or None where nobody has.
        human_note: what they wrote.
        judged_by: who it was.
        judged_at: when.
    """

    id: str
    line: str
    version: int
    image_name: str
    image_sha256: str
    source: str
    score: float
    threshold: float
    operating_point: str
    verdict: str
    width: int
    height: int
    peak: tuple[int, int]
    regions: tuple[dict[str, Any], ...] = field(repr=False)
    seconds: float
    created_at: datetime
    by: str | None
    human_verdict: str | None
    human_note: str | None
    judged_by: str | None
    judged_at: datetime | None


def inspections() -> Select[InspectionRow, str, int]:
    """Return the query of all inspections, each with the name of its line and the number of its version."""
    return (
        select(InspectionRow, LineRow.name, VersionRow.number)
        .join(LineRow, LineRow.id == InspectionRow.line_id)
        .join(VersionRow, VersionRow.id == InspectionRow.version_id)
    )


def inspection_of(row: InspectionRow, line: str, version: int) -> Inspection:
    """Return the inspection of a row."""
    return Inspection(
        id=row.id,
        line=line,
        version=version,
        image_name=row.image_name,
        image_sha256=row.image_sha256,
        source=row.source,
        score=row.score,
        threshold=row.threshold,
        operating_point=row.operating_point,
        verdict=row.verdict,
        width=row.width,
        height=row.height,
        peak=(row.peak_x, row.peak_y),
        regions=tuple(row.regions),
        seconds=row.seconds,
        created_at=row.created_at,
        by=row.by,
        human_verdict=row.human_verdict,
        human_note=row.human_note,
        judged_by=row.judged_by,
        judged_at=row.judged_at,
    )


def event_of(inspection: Inspection) -> dict[str, object]:
    """Return what those who watch a line are told of an inspection."""
    return {
        "id": inspection.id,
        "line": inspection.line,
        "version": inspection.version,
        "image_name": inspection.image_name,
        "score": inspection.score,
        "threshold": inspection.threshold,
        "verdict": inspection.verdict,
        "human_verdict": inspection.human_verdict,
        "source": inspection.source,
        "created_at": inspection.created_at.isoformat(),
    }
