"""From the training scores to a threshold for the false-alarm rate that the user asks for, without labels."""

from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.contamination import Sifted, good_by_lower_scores, sift
from patchsieve.decisions.good_scores import GoodScores
from patchsieve.decisions.intervals import CONFIDENCE, clopper_pearson
from patchsieve.decisions.tail import ParetoTail, fit_tail
from patchsieve.errors import ConfigError

Floats = npt.NDArray[np.float64]
Method = Literal["order statistic", "generalised Pareto tail", "generalised gamma", "lower four fifths"]

# So many good images above the threshold are counted; with fewer its place is modelled.
_COUNTED = 10
# A tail is fitted to the highest share of the good images, where that is this many.
_PEAKS = 0.15
_FEWEST_PEAKS = 30


@dataclass(frozen=True)
class FalseAlarmThreshold:
    """A threshold, and how often good images will be above it.

    Attributes:
        threshold: on the scale of the scores.
        asked: the false-alarm rate asked for.
        low: lower end of the interval of the achieved rate. It is 0 unless the images are known to be clean: those
            that are above might all be defective.
        high: upper end.
        confidence: of the interval; each end alone holds with (1 + confidence) / 2.
        method: how the threshold came about.
        images: number of training images.
        contamination: estimated share of defective ones among them.
    """

    threshold: float
    asked: float
    low: float
    high: float
    confidence: float
    method: Method
    images: int
    contamination: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must know before relying on the threshold, in sentences."""
        expected = self.asked * self.images * (1 - self.contamination)
        if expected >= 1:
            return ()
        return (
            f"{self.images} training images are too few for a false-alarm rate of {100 * self.asked:.3g} %: about "
            f"{round(1 / self.asked)} would show one false alarm. The threshold lies beyond what the images show, and "
            f"the rate may be up to {100 * self.high:.2g} %",
        )


def require_rate(rate: float) -> None:
    """Raise `ConfigError` where `rate` is no false-alarm rate."""
    if not 0 < rate < 1:
        raise ConfigError(
            f"false_alarms is {rate}: it must lie between 0 and 1, such as 0.01 for one good image in a hundred"
        )


def false_alarm_threshold(
    scores: npt.ArrayLike, rate: float, *, clean: bool = False, confidence: float = CONFIDENCE
) -> FalseAlarmThreshold:
    """Find the threshold that a share `rate` of good images is above, though some of the images are defective.

    Args:
        scores: out-of-sample scores of training images `[N]`, N >= 1.
        rate: false-alarm rate, 0 < rate < 1.
        clean: believe that none of the images is defective.
        confidence: of the interval.

    Raises:
        ConfigError: `rate` is out of range.
    """
    return ScoreTail.of(scores, clean=clean).threshold(rate, confidence)


@dataclass(frozen=True)
class ScoreTail:
    """How many good images lie above a score, and above which score a share of them lies.

    Where ten good images or more are above, they are counted (weighted order statistics); beyond, a generalised
    Pareto tail of the highest 15 % is used where these are at least 30, else the generalised gamma of all. Unless the
    images are known to be clean, the threshold is never above what the lower four fifths of the scores foretell:
    defects that cannot be told from a long tail would drag it up, and pass. A lower rate never has a lower threshold.

    Attributes:
        sifted: the training scores.
        clean: whether they are known to be those of good images.
        set_aside: float64 `[D]`, scores of training images that are rather defective, whatever their score.
    """

    sifted: Sifted = field(repr=False)
    clean: bool
    set_aside: Floats = field(default_factory=lambda: np.empty(0), repr=False)

    @classmethod
    def of(
        cls, scores: npt.ArrayLike, *, clean: bool = False, doubted: npt.ArrayLike | None = None
    ) -> "ScoreTail":
        """Sift training scores `[N]`, N >= 1.

        Args:
            scores: out of sample.
            clean: believe that all images are good, those that are doubted too.
            doubted: bool `[N]`, images that the detector found to be rather defective, all False where it is sure that
                none is; None where it did not judge them. Of the others, scores alone take more for defective only
                where they leave no doubt: they would take the rare good ones.
        """
        values = np.asarray(scores, dtype=np.float64)
        believed = np.ones(len(values), bool) if clean or doubted is None else ~np.asarray(doubted, bool)
        sifted = sift(values[believed], clean=clean, judged=doubted is not None)
        return cls(sifted, clean, values[~believed])

    def threshold(self, rate: float, confidence: float = CONFIDENCE) -> FalseAlarmThreshold:
        """Return the threshold for a false-alarm rate. Raises `ConfigError` where it is none."""
        require_rate(rate)
        score, method = self.score_above(rate)
        if self.foretold is not None and self.foretold.score_above(rate) < score:
            # Nobody has looked at the images: a tail that the scores below it do not foretell is not believed.
            score, method = self.foretold.score_above(rate), "lower four fifths"
        low, high = self.interval(score, confidence)
        return FalseAlarmThreshold(
            threshold=score,
            asked=rate,
            low=low,
            high=high,
            confidence=confidence,
            method=method,
            images=len(self.sifted.scores) + len(self.set_aside),
            contamination=self.contamination,
        )

    def score_above(self, rate: float) -> tuple[float, Method]:
        """Return the score that a share of the good images is above, 0 < rate < 1, and how it was found."""
        images = self.sifted.images
        if rate * images >= _COUNTED or self.sifted.good is None:
            return self._counted(rate), "order statistic"
        if self.tail is not None:
            score, method = self.tail.score_above(rate), "generalised Pareto tail"
        else:
            score, method = self.sifted.good.score_above(rate), "generalised gamma"
        counted = self._counted(_COUNTED / images) if images > _COUNTED else 0.0
        return max(score, counted), method  # type: ignore[return-value]

    def interval(self, score: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the interval of the share of good images above a score.

        Clopper-Pearson of the good images above, which are exact bounds both where the threshold is an order
        statistic and where it hardly depends on the sample. What is uncertain of their number, since it is not known
        which of them are good, is added at the upper end; where it is doubtful that any is defective, all above count,
        and where some are set aside, these do, since they may be rare good ones.
        """
        from scipy.special import ndtri

        above = self.sifted.weights[self.sifted.scores > score]
        count, images = float(above.sum()), self.sifted.images
        unsure = float(ndtri((1 + confidence) / 2)) * sqrt(float((above * (1 - above)).sum()))
        low, high = clopper_pearson(count, images, confidence)
        if not self.sifted.decisive or len(self.set_aside):
            aside = int((self.set_aside > score).sum())
            total = len(self.sifted.scores) + len(self.set_aside)
            high = clopper_pearson(len(above) + aside, total, confidence)[1]
        elif unsure:
            high = clopper_pearson(min(count + unsure, images), images, confidence)[1]
        return (low if self.clean else 0.0), high

    @property
    def contamination(self) -> float:
        """The estimated share of defective images among all."""
        believed, aside = len(self.sifted.scores), len(self.set_aside)
        return (self.sifted.contamination * believed + aside) / (believed + aside)

    @cached_property
    def foretold(self) -> GoodScores | None:
        """What the lower four fifths say of all good images; None where these are known, or nothing follows."""
        return None if self.clean else good_by_lower_scores(self.sifted.scores)

    @cached_property
    def tail(self) -> ParetoTail | None:
        """The tail of the highest scores, None where they are too few."""
        sifted = self.sifted
        if sifted.images * _PEAKS < _FEWEST_PEAKS:
            return None
        start = self._counted(_PEAKS)
        peaks = sifted.scores > start
        if not peaks.any():
            return None
        rate = float(sifted.weights[peaks].sum()) / sifted.images
        return fit_tail(sifted.scores[peaks], sifted.weights[peaks], start, rate)

    def _counted(self, rate: float) -> float:
        """Return the highest score with at least the share `rate` of the good images at or above it."""
        sifted = self.sifted
        at_or_above = np.cumsum(sifted.weights[::-1])
        # Rounding shall not cost an image: 0.1 of 100 images are 10.
        index = int(np.searchsorted(at_or_above, rate * sifted.images * (1 - 1e-12), side="right"))
        return float(sifted.scores[::-1][min(index, len(sifted.scores) - 1)])
