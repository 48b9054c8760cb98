"""Which images there are: a list that is read image by image and never held, however long it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.images import ImageSet, Skipped, read_images
from patchsieve.images.folders import SUFFIXES, is_litter, unread
from patchsieve.images.layouts import manifest
from patchsieve.images.layouts.tables import iter_table
from patchsieve.images.reading import AUTO
from patchsieve.scaleout.filesystems import FileSystem, file_system, is_url


class Listed(NamedTuple):
    """An image of the list.

    Attributes:
        name: its identity in the results.
        place: its file, an absolute path that all machines know, or a URL.
    """

    name: str
    place: str


@dataclass
class LeftOut:
    """How much was left out of the list, and what first."""

    count: int = 0
    first: Skipped | None = None

    def add(self, name: str, reason: str) -> None:
        """Count one more."""
        self.count += 1
        self.first = self.first or Skipped(name, reason)


# Lists the images once more each time it is called, always in the same order.
Listing = Callable[[LeftOut], Iterator[Listed]]


def listing_of(sources: Sequence[str], layout: str = AUTO) -> Listing:
    """Return what lists the images of paths, of a manifest or of a URL.

    A manifest, of this machine or at a URL, is read row by row; whether its files are there, those find out that open
    them. Of a URL's folder one folder at a time is held. Folders of this machine are recognised and read as
    `read_images` does it, which holds the whole list.

    Args:
        sources: as for `read_images`; or one URL that fsspec reads, of a manifest, an image or a folder of images.
        layout: of folders of this machine.

    Raises:
        ImagesError: there are no images, or the layout does not fit.
        ConfigError: a URL cannot be read, or not so.
    """
    first = sources[0]
    if any(map(is_url, sources)):
        if len(sources) > 1:
            raise ConfigError(
                f"{len(sources)} sources, a URL among them: give one URL, or a manifest of all images"
            )
        if layout not in (AUTO, manifest.name):
            raise ConfigError(
                f"the layout {layout!r} is for folders of this machine; all images below a URL are taken"
            )
    if len(sources) == 1 and (layout == manifest.name or _is_manifest(first)):
        return lambda left_out: _of_manifest(first, left_out)
    if is_url(first):
        return lambda left_out: _of_url(first, left_out)
    images = read_images(first if len(sources) == 1 else list(sources), layout)
    return lambda left_out: _of_set(images, left_out)


def _is_manifest(source: str) -> bool:
    ending = PurePosixPath(source.partition("::")[0]).suffix.lower()
    return ending in manifest.ENDINGS and (is_url(source) or Path(source).expanduser().is_file())


def _of_set(images: ImageSet, left_out: LeftOut) -> Iterator[Listed]:
    for skip in images.skipped:
        left_out.add(skip.name, skip.reason)
    for record in images:
        place = str(Path(record.path or record.name).absolute())
        if _is_text(place):
            yield Listed(record.name, place)
        else:
            left_out.add(record.name, "its name is no UTF-8, which a list of images is written in")


def _is_text(place: str) -> bool:
    try:
        place.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _of_url(url: str, left_out: LeftOut) -> Iterator[Listed]:
    """List the images below a URL, folder by folder, by name."""
    files, root = file_system(url)
    _, chained, outer = url.partition("::")
    base = root.rstrip("/")
    waiting = [base]
    while waiting:
        folders = []
        for path, kind in _entries(files, waiting.pop(), url):
            name = path.rstrip("/").removeprefix(base).lstrip("/") or PurePosixPath(path).name
            suffix = PurePosixPath(path).suffix.lower()
            if is_litter(PurePosixPath(path).name):
                continue
            if kind == "directory":
                folders.append(path)
            elif reason := unread(suffix):
                left_out.add(name, reason)
            elif suffix in SUFFIXES or path == base:
                yield Listed(name, files.unstrip_protocol(path) + chained + outer)
        waiting.extend(reversed(folders))


def _entries(files: FileSystem, folder: str, url: str) -> list[tuple[str, str]]:
    """Return the paths in a folder by name and what they are; the file itself where it is none."""
    try:
        found = [(str(entry["name"]), str(entry["type"])) for entry in files.ls(folder, detail=True)]
    except (OSError, ValueError) as error:
        raise ImagesError(f"{folder} of {url} cannot be listed: {error or type(error).__name__}") from error
    # Kept listings of all folders would be the list that is not to be held.
    files.invalidate_cache()
    # Object stores list a folder's own name among what is in it.
    own = (folder.rstrip("/"), "directory")
    return sorted((entry for entry in found if (entry[0].rstrip("/"), entry[1]) != own), key=itemgetter(0))


def _of_manifest(source: str, left_out: LeftOut) -> Iterator[Listed]:
    """List a manifest's images in the order of its rows."""
    source = source if is_url(source) else str(Path(source).expanduser().absolute())
    # A manifest in an archive names what is in the archive.
    inner, chained, outer = source.partition("::") if is_url(source) else (source, "", "")
    title = PurePosixPath(inner).name
    folder = inner.rpartition("/")[0]
    seen: set[bytes] = set()
    files, path = file_system(source)
    try:
        stream = files.open(path, "rb")
    except OSError as error:
        raise ImagesError(f"cannot read {source}: {error or type(error).__name__}") from error
    with stream:
        for row in iter_table(stream, inner, ("image", "split", "label"), required=("image",)):
            elsewhere = is_url(row["image"]) or row["image"].startswith("/")
            place = row["image"] if elsewhere else f"{folder}/{PurePosixPath(row['image'])}"
            inside = place.startswith(f"{folder}/") and ".." not in PurePosixPath(place).parts
            name = place.removeprefix(f"{folder}/") if inside else row["image"]
            # A few bytes of each name, not all names: of millions, two that differ do not share them.
            digest = blake2b(name.encode("utf-8", "surrogateescape"), digest_size=12).digest()
            if not row["image"]:
                left_out.add(name, f"a row of {title} that names no image")
            elif digest in seen:
                left_out.add(name, f"{title} names it twice")
            elif reason := manifest.objection(row, title):
                left_out.add(name, reason)
            else:
                seen.add(digest)
                yield Listed(name, place if elsewhere else place + chained + outer)
