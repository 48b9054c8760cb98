"""What a threshold costs, by labelled images: false alarms and misses, with intervals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.intervals import CONFIDENCE, clopper_pearson

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Costs:
    """Counts of right and wrong verdicts, and what they mean per part.

    Attributes:
        good: number of good images.
        defective: number of defective images.
        false_alarms: good images called defective.
        misses: defective images called good.
        false_alarms_per_1000: of 1000 good parts; None without good images.
        false_alarms_interval: its Clopper-Pearson interval.
        misses_per_100: of 100 defective parts; None without defective images.
        misses_interval: its Clopper-Pearson interval.
        precision: share of the alarms that are right, among these images; None without an alarm.
        recall: share of the defective images found; None without any.
        confidence: of the intervals.
    """

    good: int
    defective: int
    false_alarms: int
    misses: int
    false_alarms_per_1000: float | None
    false_alarms_interval: tuple[float, float]
    misses_per_100: float | None
    misses_interval: tuple[float, float]
    precision: float | None
    recall: float | None
    confidence: float

    @classmethod
    def of(cls, labels: Bools, alarms: Bools, confidence: float = CONFIDENCE) -> "Costs":
        """Count verdicts.

        Args:
            labels: `[N]`, true for defective.
            alarms: `[N]`, true for called defective.
            confidence: of the intervals.
        """
        good, defective = int((~labels).sum()), int(labels.sum())
        false_alarms, misses = int((alarms & ~labels).sum()), int((labels & ~alarms).sum())
        found = defective - misses
        low, high = clopper_pearson(false_alarms, good, confidence)
        missed_low, missed_high = clopper_pearson(misses, defective, confidence)
        return cls(
            good=good,
            defective=defective,
            false_alarms=false_alarms,
            misses=misses,
            false_alarms_per_1000=1000 * false_alarms / good if good else None,
            false_alarms_interval=(1000 * low, 1000 * high),
            misses_per_100=100 * misses / defective if defective else None,
            misses_interval=(100 * missed_low, 100 * missed_high),
            precision=found / (found + false_alarms) if found + false_alarms else None,
            recall=found / defective if defective else None,
            confidence=confidence,
        )

    @property
    def false_alarms_text(self) -> str:
        """False alarms per 1000 good parts, with the interval."""
        return _figure(self.false_alarms_per_1000, self.false_alarms_interval)

    @property
    def misses_text(self) -> str:
        """Misses per 100 defective parts, with the interval."""
        return _figure(self.misses_per_100, self.misses_interval)

    @property
    def in_words(self) -> str:
        """The costs in a sentence."""
        return (
            f"{self.false_alarms_text} false alarms per 1000 good parts, "
            f"{self.misses_text} misses per 100 defective ones "
            f"({100 * self.confidence:.0f} % intervals, from {self.good} good and {self.defective} defective images)"
        )


def _figure(value: float | None, interval: tuple[float, float]) -> str:
    if value is None:
        return "unknown"
    # Three digits, and none of them an exponent: of 1000 parts 1000 may be false alarms.
    shown, low, high = (f"{float(f'{each:.3g}'):g}" for each in (value, *interval))
    return f"{shown} ({low} to {high})"
