"""Image files opened with care: known formats only, and nothing is decoded before its header was looked at."""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from patchsieve.errors import BrokenImageError, ImagesError

MAX_PIXELS = 178_956_970
"""Largest image that is decoded unless the caller says otherwise: 179 megapixels, Pillow's own limit."""

FORMATS: tuple[tuple[str, re.Pattern[bytes], Callable[[IO[bytes]], ImageFile]], ...] = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile),
    ("JPEG", re.compile(rb"\xff\xd8\xff"), jpeg_factory),
    ("BMP", re.compile(rb"BM"), BmpImageFile),
    ("TIFF", re.compile(rb"II[*+]\x00|MM\x00[*+]"), TiffImageFile),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImageFile),
    ("PNM", re.compile(rb"P[1-6]\s"), PpmImageFile),
    ("JPEG 2000", re.compile(rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n"), Jpeg2KImageFile),
    ("GIF", re.compile(rb"GIF8[79]a"), GifImageFile),
)
"""Name, first bytes and reader of each format. Formats that run programs (EPS) or fetch files stay out."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an image file says.

    Attributes:
        width: in pixels, as the image is shown, i.e. after its EXIF rotation.
        height: in pixels, as the image is shown.
        mode: Pillow's name of the pixel layout in the file: "L" grey, "RGB", "P" palette, "I;16", ...
        bits: bits per channel in the file.
        format: "PNG", "JPEG", "TIFF", ... by content, whatever the file is called.
    """

    width: int
    height: int
    mode: str
    bits: int
    format: str


def probe(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Return what the header of an image file says, without decoding its pixels.

    Raises:
        BrokenImageError: the file cannot be opened, is no image, or is larger than `max_pixels`.
    """
    with open_file(Path(path)) as stream:
        return header_of(open_header(stream, Path(path), max_pixels))


@contextmanager
def open_file(path: Path) -> Iterator[BufferedReader]:
    """Open a regular, non-empty file for reading; pipes and devices, which may never end, are not touched.

    Raises:
        BrokenImageError: with the reason in words.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BrokenImageError(path, "a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise BrokenImageError(path, "not a regular file but a pipe, socket or device")
        if status.st_size == 0:
            raise BrokenImageError(path, "an empty file (0 bytes)")
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        raise BrokenImageError(path, reason_of(error, "file")) from error
    with stream:
        yield stream


def open_header(stream: IO[bytes], path: Path, max_pixels: int) -> ImageFile:
    """Read the header of an image; its pixels are decoded from `stream` when they are asked for.

    `PIL.Image.open` holds one pixel limit for the whole process and warns from half of it on. Here the limit
    is the caller's, so the formats' own readers are used.

    Raises:
        BrokenImageError: no known format, a damaged header, or more than `max_pixels`.
    """
    with in_words(path, "file"):
        prefix = stream.read(16)
        stream.seek(0)
    for name, magic, reader in FORMATS:
        if magic.match(prefix):
            with in_words(path, name):
                image = reader(stream)
            break
    else:
        raise BrokenImageError(path, _unknown(prefix))
    width, height = image.size
    if width * height > max_pixels:
        millions = f"{width * height / 1e6:,.0f} megapixels, over the limit of {max_pixels / 1e6:,.0f}"
        raise BrokenImageError(path, f"{width} x {height} pixels are {millions}")
    if width * height == 0:
        raise BrokenImageError(path, "it has no pixels")
    return image


def header_of(image: ImageFile) -> Header:
    """Return the facts of an image whose pixels were not decoded yet."""
    width, height = image.size
    if orientation_of(image) >= 5:
        width, height = height, width
    return Header(
        width, height, image.mode, _bits(image), "JPEG" if image.format == "MPO" else image.format or ""
    )


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation 1 to 8 that is still to be applied; 1 where there is none or it is damaged."""
    if isinstance(image, TiffImageFile):
        return 1  # Pillow turns a TIFF itself while decoding, and gives the size it will then have.
    # Not image.getexif(): for a PNG that decodes the pixels, and it remembers the answer from before decoding.
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        orientation = int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata does not make damaged pixels
        return 1
    return orientation if 1 <= orientation <= 8 else 1


@contextmanager
def in_words(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a format's reader raises on the bytes of `path` into a `BrokenImageError` with a reason."""
    try:
        yield
    except BrokenImageError:
        raise
    except ImagesError as error:
        raise BrokenImageError(path, str(error)) from error
    except Exception as error:  # readers of damaged bytes raise anything from OSError to struct.error
        raise BrokenImageError(path, reason_of(error, what)) from error


def reason_of(error: Exception, what: str) -> str:
    """Return why `what` ("PNG", "JPEG", "file") could not be read, as a short phrase."""
    match error:
        case FileNotFoundError():
            return "no such file"
        case PermissionError():
            return "no permission to read it"
        case MemoryError():
            return "not enough memory to decode it"
        case OSError(strerror=str(text)):
            return f"cannot be read: {text}"
    if any(
        word in str(error).lower()
        for word in ("truncated", "broken data stream", "not enough", "end of file")
    ):
        return f"truncated {what}"
    return f"damaged {what} ({str(error) or type(error).__name__})"


def _unknown(prefix: bytes) -> str:
    known = ", ".join(name for name, _, _ in FORMATS)
    if (
        prefix.isascii()
        and prefix.decode("ascii").replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable()
    ):
        return f"a text file, not an image ({known})"
    return f"not an image of a known format ({known})"


def _bits(image: ImageFile) -> int:
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2.get(258, (1,))[0])
    if image.mode == "1":
        return 1
    # A reader cuts 16-bit colour to 8 while decoding; only its raw mode, e.g. "RGB;16B", still tells.
    wide = image.mode.startswith("I") or any(
        _raw_mode(tile.args).endswith((";16", ";16B")) for tile in image.tile
    )
    return 16 if wide else 8


def _raw_mode(args: Any) -> str:
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""
