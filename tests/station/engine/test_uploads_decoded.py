"""Real files, real processes: what an upload does to its decoder does not reach the server."""

import io
import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from patchsieve.errors import BrokenImageError
from patchsieve.images import decode
from patchsieve.images.opening import FORMATS
from patchsieve.station.engine import Decoder
from patchsieve.station.errors import Busy

LIMIT = 20_000_000


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(processes=2, max_pixels=LIMIT, seconds=10)
    decoder.start()
    yield decoder
    decoder.close()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def surface(size: tuple[int, int] = (61, 40), mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(7)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(surface(), "JPEG", exif=exif)


def pages() -> bytes:
    others = [Image.new("RGB", (30, 20), (index, 0, 0)) for index in range(1, 60)]
    return encoded(surface((30, 20)), "TIFF", save_all=True, append_images=others)


FILES = {
    "plain.png": encoded(surface(), "PNG"),
    "grey.jpg": encoded(surface(mode="L"), "JPEG"),
    "turned.jpg": turned(),
    "palette.gif": encoded(surface(mode="P"), "GIF"),
    "half-clear.png": encoded(surface(mode="RGBA").convert("RGBA").point(lambda value: value // 2), "PNG"),
    "cmyk.tif": encoded(surface(mode="CMYK"), "TIFF"),
    "wide.png": encoded(Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32), "PNG"),
    "wide.tif": encoded(Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32), "TIFF"),
    "sixty-pages.tif": pages(),
    "a bitmap.jpeg": encoded(surface(), "BMP"),
    "web.webp": encoded(surface(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_an_upload_becomes_the_pixels_that_the_command_line_sees(
    decoder: Decoder, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(FILES[name])
    upload = decoder.decode(FILES[name], name)
    np.testing.assert_array_equal(upload.pixels, decode(file))
    assert upload.pixels.flags.writeable
    assert upload.format in [kind for kind, _, _ in FORMATS]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 40, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "text file"),
        (b"<!doctype html><html><body>no</body></html>", "text file"),
        (b"%PDF-1.7 ...", "not an image|text file"),
        (FILES["plain.png"][:200], "truncated|damaged"),
        (FILES["grey.jpg"][:-300], "truncated|damaged"),
        (png(50_000, 50_000, b"\x00" * 5_000_000), "2,500 megapixels, over the limit"),
        (png(4, 2**31 - 1, b""), "over the limit"),
        (png(4, 0, b""), "no pixels|damaged|truncated"),
    ],
)
def test_what_is_no_image_is_named_and_the_next_upload_is_decoded(
    decoder: Decoder, data: bytes, reason: str
) -> None:
    with pytest.raises(BrokenImageError, match=reason):
        decoder.decode(data, "../../etc/passwd")
    assert decoder.decode(FILES["plain.png"], "next.png").pixels.shape == (40, 61, 3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, 10_000), junk=st.binary(min_size=1, max_size=8), name=st.sampled_from(sorted(FILES))
)
def test_no_damage_of_a_file_is_more_than_a_broken_image(
    decoder: Decoder, place: int, junk: bytes, name: str
) -> None:
    data = bytearray(FILES[name])
    place %= len(data)
    data[place : place + len(junk)] = junk
    with suppress(BrokenImageError):
        assert decoder.decode(bytes(data), name).pixels.ndim == 3


def test_a_file_that_needs_more_memory_than_a_child_has_is_broken_and_the_child_goes_on() -> None:
    decoder = Decoder(processes=1, max_pixels=LIMIT, memory=32 * 2**20)
    try:
        with pytest.raises(BrokenImageError, match=r"memory|decoder broke down"):
            decoder.decode(encoded(Image.new("RGB", (4400, 4400)), "PNG"), "bomb.png")
        assert decoder.decode(FILES["plain.png"], "next.png").format == "PNG"
    finally:
        decoder.close()


def children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    found: list[int] = []
    for task in tasks:
        # A thread may have ended since the folder was listed, and has no children then.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def test_a_killed_child_is_replaced() -> None:
    before = set(children())
    decoder = Decoder(processes=1, max_pixels=LIMIT)
    try:
        decoder.start()
        (child,) = set(children()) - before
        os.kill(child, signal.SIGKILL)
        time.sleep(0.1)
        assert decoder.decode(FILES["plain.png"], "next.png").format == "PNG"
    finally:
        decoder.close()
    assert set(children()) <= before


def test_a_child_that_hangs_is_killed_and_who_waits_for_it_is_told_to_come_later() -> None:
    before = set(children())
    decoder = Decoder(processes=1, max_pixels=LIMIT, seconds=0.6, patience=0.05)
    broken: list[BrokenImageError] = []

    def stuck() -> None:
        try:
            decoder.decode(FILES["plain.png"], "stuck.png")
        except BrokenImageError as error:
            broken.append(error)

    try:
        decoder.start()
        (child,) = set(children()) - before
        os.kill(child, signal.SIGSTOP)
        thread = threading.Thread(target=stuck)
        thread.start()
        time.sleep(0.1)
        with pytest.raises(Busy):
            decoder.decode(FILES["plain.png"], "other.png")
        thread.join()
        assert "longer than 0.6 seconds" in broken[0].reason
        decoder.seconds = 20
        assert decoder.decode(FILES["plain.png"], "next.png").format == "PNG"
    finally:
        decoder.close()


def test_many_uploads_at_a_time_get_their_own_pixels(decoder: Decoder) -> None:
    colours = [(index, 255 - index, 7) for index in range(24)]
    seen: dict[int, tuple[int, ...]] = {}

    def one(index: int) -> None:
        data = encoded(Image.new("RGB", (64, 64), colours[index]), "PNG")
        seen[index] = tuple(decoder.decode(data, "x.png").pixels[5, 5].tolist())

    threads = [threading.Thread(target=one, args=(index,)) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == dict(enumerate(colours))
