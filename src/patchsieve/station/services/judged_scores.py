"""The scores of a version's inspections, by what people said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from patchsieve.station.languages import said
from patchsieve.station.store import Store
from patchsieve.station.store.tables import InspectionRow

Floats = npt.NDArray[np.float64]

# The newest inspections of a version: enough for every figure that is made of them.
_MOST = 100_000


@dataclass(frozen=True)
class JudgedScores:
    """Scores float64 `[N]` of each kind.

    Attributes:
        good: of parts that people called good.
        defective: of parts that people called defects.
        unjudged: of parts that nobody has judged.
    """

    good: Floats = field(repr=False)
    defective: Floats = field(repr=False)
    unjudged: Floats = field(repr=False)

    @classmethod
    def of(cls, store: Store, version_id: str) -> "JudgedScores":
        """Read those of a version."""
        row = InspectionRow
        query = (
            select(row.score, row.human_verdict)
            .where(row.version_id == version_id)
            .order_by(row.created_at.desc())
            .limit(_MOST)
        )
        found: Mapping[str | None, list[float]] = {"good": [], "defect": [], None: []}
        with store.reading() as session:
            for score, verdict in session.execute(query):
                found[verdict].append(score)
        return cls(*(np.array(found[verdict], np.float64) for verdict in ("good", "defect", None)))

    @property
    def labelled(self) -> tuple[npt.NDArray[np.bool_], Floats]:
        """What people judged: labels `[N]`, true for defective, and scores `[N]`."""
        labels = np.repeat([False, True], [len(self.good), len(self.defective)])
        return labels, np.concatenate([self.good, self.defective])

    def notes(self, threshold: float) -> tuple[str, ...]:
        """Say what one must know to read what a threshold costs among what people judged."""
        judged, unjudged = len(self.good) + len(self.defective), len(self.unjudged)
        if not judged:
            return (said("nobody has judged an inspection of this version yet: what it costs is not known"),)
        if not unjudged:
            return ()
        return (
            said(
                "people have judged %(judged)s of %(all)s inspections; among the %(passed)s below the threshold that "
                "nobody has judged there may be defects that are not counted as misses",
                judged=judged,
                all=judged + unjudged,
                passed=int((self.unjudged <= threshold).sum()),
            ),
        )
