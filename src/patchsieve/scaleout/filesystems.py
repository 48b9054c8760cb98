"""Folders of this machine and of object stores behind the few operations that are needed of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from patchsieve.errors import ConfigError, PatchSieveError
from patchsieve.files import replacing

# Objects that fsspec knows by their addresses; it is untyped.
FileSystem = Any


def is_url(place: str) -> bool:
    """Say whether a place is a URL such as ``s3://bucket/line7`` and no path of this machine."""
    return "://" in place


def file_system(url: str) -> tuple[FileSystem, str]:
    """Return what reads a URL or a path of this machine, and the path that it is asked for.

    Raises:
        ConfigError: there is nothing for such URLs, or the package that reads them is not installed.
    """
    if not is_url(url):
        return LocalFileSystem(), url
    try:
        found: tuple[FileSystem, str] = fsspec.core.url_to_fs(url)
    except (ImportError, OSError, ValueError) as error:
        raise ConfigError(f"{url} cannot be read: {error}") from error
    return found


@dataclass(frozen=True)
class Folder:
    """A folder that several machines write to.

    Attributes:
        place: its path or its URL.
    """

    place: str

    @classmethod
    def of(cls, place: str) -> "Folder":
        """Return the folder at a URL, or at a path that may be relative. Raises `ConfigError`."""
        if not is_url(place):
            return cls(str(Path(place).expanduser().absolute()))
        files, path = file_system(place)
        return cls(path if isinstance(files, LocalFileSystem) else place)

    def locate(self, name: str) -> tuple[FileSystem, str]:
        """Return what reads a file of the folder, and its path there."""
        files, path = file_system(self.place)
        # What it remembers of a listing is older than what workers have written since.
        files.invalidate_cache()
        return files, f"{path.rstrip('/')}/{name}"

    def names(self, below: str) -> set[str]:
        """Return the names of the files in a folder below this one; none where it is not there."""
        files, path = self.locate(below)
        try:
            return {found.rpartition("/")[2] for found in files.ls(path, detail=False)}
        except FileNotFoundError:
            return set()

    def has(self, name: str) -> bool:
        """Say whether a file is there."""
        files, path = self.locate(name)
        return bool(files.exists(path))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None where it is not there."""
        files, path = self.locate(name)
        try:
            content: bytes = files.cat_file(path)
        except FileNotFoundError:
            return None
        return content

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path; on success it becomes the file of this name, whole or not at all.

        Object stores do not show an object before it is whole.

        Raises:
            PatchSieveError: the file cannot be written.
        """
        if not is_url(self.place):
            with replacing(Path(self.place) / name) as temporary:
                yield temporary
            return
        with TemporaryDirectory() as folder:
            temporary = Path(folder) / "content"
            yield temporary
            files, path = self.locate(name)
            try:
                files.makedirs(path.rpartition("/")[0], exist_ok=True)
                files.put_file(str(temporary), path)
            except OSError as error:
                raise PatchSieveError(f"cannot write {self.place}/{name}: {error}") from error
