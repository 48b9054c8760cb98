"""An inspection as pages show it: its pictures' addresses, its regions as outlines, what people said of it."""

from dataclasses import dataclass
from typing import Any

from patchsieve.station.pages.shapes import svg_path
from patchsieve.station.running import Station
from patchsieve.station.services.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Pictures:
    """Addresses of an inspection's pictures.

    Attributes:
        photo: the image.
        overlay: coloured by its anomaly map.
        map: the anomaly map alone.
        thumbnail: the image, small.
    """

    photo: str
    overlay: str
    map: str
    thumbnail: str


def pictures_of(inspection_id: str) -> Pictures:
    """Return where the pictures of an inspection are."""
    folder = f"/pictures/{inspection_id}"
    return Pictures(f"{folder}/photo", f"{folder}/overlay", f"{folder}/map", f"{folder}/thumbnail")


def panel_context(station: Station, inspection: Inspection) -> dict[str, Any]:
    """Return what the panel needs in which one inspection is looked at."""
    regions = [{**region, "path": svg_path(region["polygons"])} for region in inspection.regions]
    return {
        "pictures": pictures_of(inspection.id),
        "regions": regions,
        **judgement_context(station, inspection),
    }


def judgement_context(station: Station, inspection: Inspection) -> dict[str, Any]:
    """Return what the form needs in which people say what they see; undo says again what was said before."""
    said = station.history.feedback(inspection.id)
    return {
        "inspection": inspection,
        "log": said,
        "can_undo": inspection.human_verdict is not None,
        "undo_to": said[1].verdict if len(said) > 1 else None,
    }
