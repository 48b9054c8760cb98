"""What of a station is looked up when somebody asks how it goes."""

import logging
import shutil
from functools import cache

from sqlalchemy import func, select

from patchsieve.station.running import Station
from patchsieve.station.store.tables import JobRow, LineRow

# Below this the next image, map or row may not find room.
_LEAST_FREE = 256 * 2**20
_log = logging.getLogger(__name__)


class Looking:
    """Looks at a station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.name_of = cache(self._name_of)

    def waiting(self) -> dict[str, int]:
        """Return how many images each line has accepted and not answered."""
        serving = self._station.pool.lines()
        return {self.name_of(line_id): each.batcher.held for line_id, each in serving.items()}

    def versions(self) -> dict[str, int]:
        """Return the number of each line's active version."""
        return {line.name: line.active for line in self._station.lines.all() if line.active is not None}

    def jobs(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        with self._station.store.reading() as session:
            return {
                str(state): int(count)
                for state, count in session.execute(
                    select(JobRow.state, func.count()).group_by(JobRow.state)
                ).all()
            }

    def watchers(self) -> int:
        """Return how many watch events."""
        return self._station.events.watchers

    def complaints(self) -> dict[str, str]:
        """Return what keeps the station from inspecting, by what is wrong; nothing where it can.

        The words are for strangers too: they name no file, no address and no line.
        """
        wrong = {}
        try:
            self._station.store.check()
            wanted = {line.id for line in self._station.lines.all() if line.active is not None}
        except Exception:  # whatever a driver raises, the database does not answer
            _log.warning("the database does not answer", exc_info=True)
            wrong["database"] = "does not answer"
        else:
            if missing := wanted - set(self._station.pool.lines()):
                wrong["models"] = f"{len(missing)} of {len(wanted)} are not loaded"
        try:
            free = shutil.disk_usage(self._station.settings.data_dir).free
        except OSError:
            wrong["disk"] = "is not there"
        else:
            if free < _LEAST_FREE:
                wrong["disk"] = "is full"
        return wrong

    def _name_of(self, line_id: str) -> str:
        with self._station.store.reading() as session:
            return session.scalars(select(LineRow.name).where(LineRow.id == line_id)).one()
