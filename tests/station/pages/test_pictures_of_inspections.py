"""Pictures of inspections: what every browser shows, with types that are ours."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

Parts = Callable[..., Any]


def inspected(client: TestClient, image: Image.Image, kind: str, **options: object) -> tuple[str, bytes]:
    """Return the key of an inspection and the bytes that were sent."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    files = {"image": (f"picture.{kind.lower()}", buffer.getvalue())}
    answer = client.post("/api/v1/lines/line7/predict", files=files)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"], buffer.getvalue()


def fetched(client: TestClient, key: str, kind: str) -> tuple[str, Image.Image]:
    answer = client.get(f"/pictures/{key}/{kind}")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    return answer.headers["content-type"], Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WebP"])
def test_what_browsers_know_is_sent_as_it_came(client: TestClient, part: Parts, kind: str) -> None:
    key, sent = inspected(client, part(1).image, kind)
    answer = client.get(f"/pictures/{key}/photo")
    assert answer.content == sent
    assert answer.headers["content-type"] == f"image/{kind.lower()}"


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
def test_what_browsers_do_not_know_is_sent_as_png_pixel_by_pixel(
    client: TestClient, part: Parts, kind: str
) -> None:
    image = part(2).image
    key, _ = inspected(client, image, kind)
    media_type, photo = fetched(client, key, "photo")
    assert media_type == "image/png"
    assert np.array_equal(np.asarray(photo), np.asarray(image))


def test_all_pictures_of_an_inspection_lie_on_each_other(client: TestClient, part: Parts) -> None:
    # A photo that its camera held sideways: 96 x 64 in the file, 64 x 96 to people.
    exif = Image.Exif()
    exif[0x0112] = 6
    key, _ = inspected(client, part(3, defective=True, size=(96, 64)).image, "JPEG", exif=exif)
    found = client.get(f"/api/v1/inspections/{key}").json()
    assert (found["width"], found["height"]) == (64, 96)
    for kind in ("overlay", "map", "thumbnail"):
        media_type, picture = fetched(client, key, kind)
        assert media_type == "image/webp"
        assert picture.size == (64, 96)


def test_large_images_are_coloured_small(client: TestClient, part: Parts) -> None:
    """The overlay of a 24-megapixel photo is not to take seconds, on the line least of all."""
    key, _ = inspected(client, part(4, size=(96, 96)).image.resize((2000, 400)), "PNG")
    assert fetched(client, key, "photo")[1].size == (2000, 400)
    assert fetched(client, key, "overlay")[1].size == (1600, 320)
    assert fetched(client, key, "thumbnail")[1].size == (192, 38)


def test_the_map_is_brightest_where_the_inspection_says(client: TestClient, part: Parts) -> None:
    # On a defective part the small model shouts everywhere.
    key, _ = inspected(client, part(300).image, "PNG")
    found = client.get(f"/api/v1/inspections/{key}").json()
    brightness = np.asarray(fetched(client, key, "map")[1].convert("L"), float)
    x, y = found["peak"]
    # WebP loses a little.
    assert brightness[y, x] >= brightness.max() - 5
    assert brightness.min() < brightness.max() - 15


@pytest.mark.parametrize(
    "address", ["/pictures/0000/photo", "/pictures/..%2Fsecret/photo", "/pictures/%00/map"]
)
def test_there_are_no_pictures_of_anything_else(client: TestClient, address: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    answer = client.get(address)
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("..%2Fsecret", "").replace("../secret", "")
