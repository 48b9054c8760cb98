"""Pictures of inspections: the image as a browser can show it, its anomaly map, both in one, and a small one."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from fastapi import APIRouter
from PIL import Image
from starlette.responses import FileResponse, Response

from patchsieve.images import Pixels, decode
from patchsieve.pictures import ColourScale, heat_map, overlay, place_map
from patchsieve.station.asking import StationNow
from patchsieve.station.running import Station
from patchsieve.station.security import Role, require
from patchsieve.station.services.newest import Newest

Kind = Literal["photo", "overlay", "map", "thumbnail"]

router = APIRouter()
# What every browser shows, by the ending that the store gives; others are converted.
_AS_THEY_ARE = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_LARGEST = 1600
_THUMBNAIL = 192
_KEPT = 256
# An inspection never changes.
_HEADERS = {"Cache-Control": "private, max-age=604800, immutable"}
_made: Newest[tuple[Path, str, Kind], bytes] = Newest(_KEPT)


@router.get("/pictures/{inspection_id}/{kind}", dependencies=[require(Role.VIEWER)])
def picture(station: StationNow, inspection_id: str, kind: Kind) -> Response:
    """Return a picture of an inspection, with a content type that is ours, whatever was uploaded."""
    path = station.history.image_path(inspection_id)
    media_type = _AS_THEY_ARE.get(path.suffix)
    if kind == "photo" and media_type:
        return FileResponse(path, media_type=media_type, headers=_HEADERS)
    key = (station.store.data_dir, inspection_id, kind)
    data = _made.get(key, lambda: _encoded(_drawn(station, inspection_id, path, kind), kind))
    return Response(data, media_type="image/png" if kind == "photo" else "image/webp", headers=_HEADERS)


def _drawn(station: Station, inspection_id: str, path: Path, kind: Kind) -> Pixels:
    pixels = decode(path, max_pixels=station.settings.max_pixels)
    if kind == "photo":
        return pixels
    small, ratio = _shrunk(pixels, _THUMBNAIL if kind == "thumbnail" else _LARGEST)
    if kind == "thumbnail":
        return small
    stored = station.history.anomaly_map(inspection_id)
    left, top, right, bottom = (edge * ratio for edge in stored.box)
    box, scale = (left, top, right, bottom), ColourScale(*stored.scale)
    if kind == "overlay":
        return overlay(small, stored.values, scale, box)
    return heat_map(place_map(stored.values, box, *small.shape[:2]), scale)


def _shrunk(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Return pixels no larger than `side` either way, and what their lengths were multiplied by."""
    height, width = pixels.shape[:2]
    ratio = min(1.0, side / max(height, width))
    if ratio == 1.0:
        return pixels, ratio
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)), ratio


def _encoded(pixels: Pixels, kind: Kind) -> bytes:
    buffer = io.BytesIO()
    if kind == "photo":
        # As it is: people judge by it.
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    else:
        Image.fromarray(pixels).save(buffer, "WebP", quality=88, method=1)
    return buffer.getvalue()
