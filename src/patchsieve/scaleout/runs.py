"""What a folder of results is of: written when a prediction starts, asked when it goes on."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice

from patchsieve.errors import ImagesError, PatchSieveError
from patchsieve.scaleout.filesystems import Folder
from patchsieve.scaleout.listing import LeftOut, Listed, Listing
from patchsieve.scaleout.scoring import IMAGES, LIST_ROWS, PARTS

RUN = "run.json"
FORMAT, VERSION = "patchsieve-predictions", 1


@dataclass(frozen=True)
class Asked:
    """What was asked of which model."""

    patchsieve: str
    model: str
    operating_point: str | None
    review: float | str | None


@dataclass(frozen=True)
class ImageList:
    """What tells one list of images from another: their number, and the SHA-256 of all names and places."""

    count: int
    sha256: str


class _Digest:
    """Becomes that of a list while it is read."""

    def __init__(self) -> None:
        self._count = 0
        self._sha256 = sha256()

    def of(self, images: Iterable[Listed]) -> Iterator[Listed]:
        """Yield the images that are taken in."""
        for image in images:
            self._count += 1
            self._sha256.update("\0".join((*image, "")).encode("utf-8", "surrogateescape"))
            yield image

    @property
    def taken(self) -> ImageList:
        """The list so far."""
        return ImageList(self._count, self._sha256.hexdigest())


def listed_once(folder: Folder, asked: Asked, listing: Listing, left_out: LeftOut) -> ImageList:
    """Write the list of images, or hold it against the one of the run that is to go on.

    Raises:
        PatchSieveError: the folder's results are of another list, or not of what is asked.
        ImagesError: there are no images.
    """
    kept = folder.read(RUN)
    if kept is None:
        if folder.names(PARTS):
            raise PatchSieveError(
                f"{folder.place} holds results, but not what they are of ({RUN}): name another folder"
            )
        listed = _write_list(folder, listing(left_out))
        with folder.replacing(RUN) as temporary:
            about = {"format": FORMAT, "version": VERSION, "asked": asdict(asked), "list": asdict(listed)}
            temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        return listed
    before, images = _parsed(folder, kept)
    for name, then in asdict(before).items():
        if getattr(asked, name) != then:
            what = name.replace("_", " ")
            raise PatchSieveError(
                f"{folder.place} holds results of another {what} ({then}, not {getattr(asked, name)}): "
                "name another folder, or ask for the same to go on"
            )
    digest = _Digest()
    deque(digest.of(listing(left_out)), maxlen=0)
    if digest.taken != images:
        raise PatchSieveError(
            f"{folder.place} holds results of another list of images ({images.count} images, not {digest.taken.count}, "
            "or others of them): name another folder, or give the same images to go on"
        )
    return images


def _write_list(folder: Folder, images: Iterator[Listed]) -> ImageList:
    """Write a list as it is read. Raises `ImagesError` where it is empty."""
    import pyarrow as arrow
    from pyarrow import parquet

    schema = arrow.schema([(name, arrow.string()) for name in Listed._fields])
    digest = _Digest()
    rest = digest.of(images)
    with folder.replacing(IMAGES) as temporary:
        with parquet.ParquetWriter(temporary, schema) as writer:
            while rows := [image._asdict() for image in islice(rest, LIST_ROWS)]:
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
        if not digest.taken.count:
            raise ImagesError("there are no images to score")
    return digest.taken


def _parsed(folder: Folder, kept: bytes) -> tuple[Asked, ImageList]:
    try:
        about = json.loads(kept)
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise ValueError(about["format"])
        return Asked(**about["asked"]), ImageList(**about["list"])
    except (KeyError, TypeError, ValueError) as error:
        raise PatchSieveError(
            f"{folder.place}/{RUN} is not what this PatchSieve writes ({error!r}): name another folder"
        ) from error
