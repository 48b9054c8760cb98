"""From pixels to verdicts: many at once where many wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patchsieve.decisions.result import Result
from patchsieve.errors import PatchSieveError
from patchsieve.images.collection import ImageRecord, ImageSet
from patchsieve.runtime.opening import Model
from patchsieve.runtime.streams.arrivals import Arrival

BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found out about one part.

    Attributes:
        arrival: the part.
        verdict: "good", "defect", "review", or "broken" where it cannot be scored.
        note: why it is broken, in words.
        result: its score, map and so on, of this one image; None where it is broken.
    """

    arrival: Arrival
    verdict: str
    note: str = ""
    result: Result | None = None


class Scorer:
    """A model with the threshold that is to count.

    Args:
        model: as `open_model` gives it.
        name: of the model in the results.
        operating_point: name of the one whose threshold counts; None for the default.
        review: see `Model.predict`.

    Raises:
        ConfigError: the model has no such operating point, or cannot give a review.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        *,
        operating_point: str | None = None,
        review: str | None = None,
    ) -> None:
        self.model = model
        self.name = name
        self.operating_point = operating_point
        self._review = review
        # Settings are refused before the first part comes, and it is not the one that waits for the warming up.
        self._predict([Arrival("start", "", np.full((64, 64, 3), 127, np.uint8))])

    def score(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """Judge parts together; one that the model cannot take does not spoil the others."""
        scorable = [arrival for arrival in arrivals if not arrival.problem]
        scored = iter(self._scored(scorable))
        return [
            Outcome(arrival, BROKEN, arrival.problem) if arrival.problem else next(scored)
            for arrival in arrivals
        ]

    def _scored(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        if not arrivals:
            return []
        try:
            result = self._predict(arrivals)
        except (PatchSieveError, MemoryError, RuntimeError) as error:
            if len(arrivals) > 1:
                return [outcome for arrival in arrivals for outcome in self._scored([arrival])]
            if not isinstance(error, PatchSieveError):
                raise
            return [Outcome(arrivals[0], BROKEN, str(error))]
        positions = {name: index for index, name in enumerate(result.images.names)}
        reasons = {skip.name: skip.reason for skip in result.skipped}
        return [
            Outcome(arrival, result.verdicts[index], result=result.take([index]))
            if (index := positions.get(name)) is not None
            else Outcome(arrival, BROKEN, reasons[name])
            for name, arrival in zip(_names(arrivals), arrivals, strict=True)
        ]

    def _predict(self, arrivals: Sequence[Arrival]) -> Result:
        records = [
            ImageRecord(name, pixels=arrival.pixels)
            for name, arrival in zip(_names(arrivals), arrivals, strict=True)
        ]
        return self.model.predict(
            ImageSet(Path(), "arrays", tuple(records)),
            operating_point=self.operating_point,
            review=self._review,
        )


def _names(arrivals: Sequence[Arrival]) -> list[str]:
    # Two names that are no UTF-8 may be shown alike.
    return [f"{position} {arrival.name}" for position, arrival in enumerate(arrivals)]
