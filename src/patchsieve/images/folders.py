"""What lies in a folder: image files in natural order, each counted once, with links, litter and strays dealt with."""

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from patchsieve.errors import ImagesError
from patchsieve.images.collection import Skipped
from patchsieve.images.order import folded, natural_key

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".jp2", ".gif")
)
"""Endings, in any case, that make a file in a folder an image. A file named on its own may have any ending."""

UNREAD_SUFFIXES = frozenset(
    (".arw", ".avif", ".cr2", ".dng", ".heic", ".heif", ".nef", ".psd", ".raw", ".svg")
)
LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


@dataclass(slots=True)
class Found:
    """What was found in a folder.

    Attributes:
        images: image files in natural order of their path below the folder.
        skipped: files that look like images and are left out, with the reason.
        others: how many files of each other ending there are.
    """

    images: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def find_images(folder: Path, *, recursive: bool = True) -> Found:
    """Find the image files of a folder.

    Hidden files and folders and the litter of operating systems are passed over in silence. Links are followed;
    a file or folder that is reached twice, by whatever way, counts once; links to a folder that holds them are not.

    Raises:
        ImagesError: the folder, or one below it, cannot be listed.
    """
    found = Found()
    seen: set[str] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        listing = entries(current)
        for entry in listing:
            if not _is_folder(entry):
                _take(entry, current, real, folder, seen, found)
        if recursive:
            # Last in, first out: real folders are walked before links to them.
            waiting.extend(
                current / entry.name
                for entry in reversed(listing)
                if _is_folder(entry) and not _leads_up(entry)
            )
    found.images.sort(key=lambda path: natural_key(path.relative_to(folder).as_posix()))
    return found


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder without hidden and litter entries; real files and folders come before links to them.

    Raises:
        ImagesError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as listing:
            kept = [entry for entry in listing if not is_litter(entry.name)]
    except PermissionError as error:
        raise ImagesError(
            f"no permission to list the folder {folder}: allow reading it, or name another"
        ) from error
    except OSError as error:
        raise ImagesError(f"cannot list the folder {folder}: {error.strerror or error}") from error
    return sorted(kept, key=lambda entry: (entry.is_symlink(), entry.name))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly below a folder, links included, in natural order. Raises `ImagesError`."""
    below = [folder / entry.name for entry in entries(folder) if _is_folder(entry) and not _leads_up(entry)]
    return sorted(below, key=lambda path: natural_key(path.name))


def child(folder: Path, *names: str) -> Path | None:
    """Return the folder below `folder` that has one of `names`, upper or lower case; None where there is none."""
    wanted = {folded(name) for name in names}
    for below in subfolders(folder):
        if folded(below.name) in wanted:
            return below
    return None


def name_below(path: Path, root: Path) -> str:
    """Return the POSIX path of `path` below `root`; bytes that are no UTF-8 are written as ``\\xNN``."""
    name = path.relative_to(root).as_posix()
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_litter(name: str) -> bool:
    """Say whether a file or folder of this name is passed over in silence: hidden, or an operating system's own."""
    return name.startswith(".") or name.casefold() in LITTER


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _leads_up(entry: "os.DirEntry[str]") -> bool:
    """Say whether a folder is a link to one that holds it: all in there would be met a second time, as its own."""
    if not entry.is_symlink():
        return False
    target, here = os.path.realpath(entry.path), os.path.realpath(Path(entry.path).parent)
    return here == target or here.startswith(target.rstrip(os.sep) + os.sep)


def _take(
    entry: "os.DirEntry[str]", current: Path, real_current: str, root: Path, seen: set[str], found: Found
) -> None:
    path = current / entry.name
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES | UNREAD_SUFFIXES:
        found.others[suffix or "no ending"] += 1
        return
    real = os.path.realpath(path) if entry.is_symlink() else f"{real_current}{os.sep}{entry.name}"
    reason = unread(suffix) or _objection(entry)
    if reason is None and real in seen:
        reason = "a link to a file that is counted already"
    if reason is None:
        seen.add(real)
        found.images.append(path)
    else:
        found.skipped.append(Skipped(name_below(path, root), reason))


def unread(suffix: str) -> str | None:
    """Return why files of this ending, in lower case, are left out though they are images; None for others."""
    return f"{suffix} files are not read; save it as PNG or TIFF" if suffix in UNREAD_SUFFIXES else None


def _objection(entry: "os.DirEntry[str]") -> str | None:
    try:
        mode = entry.stat().st_mode if entry.is_symlink() else None
    except OSError:
        return "a link to a file that is not there"
    if not (stat.S_ISREG(mode) if mode is not None else entry.is_file()):
        return "not a regular file but a pipe, socket or device"
    return None
