"""The models of versions, to be asked about their training images: at work already, or loaded for the moment."""

from threading import Lock
from typing import TYPE_CHECKING

from patchsieve.errors import PatchSieveError
from patchsieve.station.engine import ModelPool
from patchsieve.station.errors import Conflict
from patchsieve.station.languages import said
from patchsieve.station.services.versions import Version

if TYPE_CHECKING:
    from patchsieve.detectors import Detector


class VersionModels:
    """Gives the model of any version; of those that are not at work it holds the last one asked for.

    Args:
        pool: the models at work.
        device: where others are loaded.
    """

    def __init__(self, pool: ModelPool, device: str = "auto") -> None:
        self._pool = pool
        self._device = device
        self._lock = Lock()
        self._last: tuple[str, Detector] | None = None

    def of(self, version: Version) -> "Detector":
        """Return the model of a version, not to be changed. Raises `Conflict` where its file cannot be used."""
        from patchsieve.detectors import load

        for serving in self._pool.lines().values():
            if serving.version_id == version.id:
                return serving.model
        with self._lock:
            if self._last is None or self._last[0] != version.id:
                # The one before goes first: two would take the memory of two.
                self._last = None
                try:
                    self._last = (version.id, load(version.path, device=self._device))
                except PatchSieveError as error:
                    raise Conflict(
                        said(
                            "version %(number)s of %(line)s cannot be used: %(why)s",
                            number=version.number,
                            line=version.line,
                            why=str(error),
                        )
                    ) from error
            return self._last[1]
