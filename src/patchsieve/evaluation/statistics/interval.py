"""A confidence interval of the image AUROC."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from patchsieve.evaluation.metrics.labelled import Floats, Labels, checked

# Scores of resamples that are ranked at once: 64 MiB of ranks and copies.
_RANKED_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that covers the true value in a share `level` of all test sets.

    Attributes:
        value: the figure of these images.
        low: lower end.
        high: upper end.
        level: 0 to 1.
        method: how it was found, for people.
    """

    value: float
    low: float
    high: float
    level: float
    method: str


def auroc_interval(
    labels: Labels, scores: Floats, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval | None:
    """Say how well the images at hand pin the image AUROC down.

    Good and defective images are drawn anew, each from their own class, and the quantiles of the AUROCs are corrected
    for bias and skewness (BCa): near 1, plain percentiles cover the truth too rarely. The interval is about other
    *images* of the same kind; what another seed or another training set would change is not in it.

    Where every defective image scores higher than every good one (or lower), resampling only repeats that. Then the
    bound is that of m = min(defective, good) pairs without a common image: independent trials that all succeed, so
    that the AUROC is at least (alpha / 2) ** (1 / m).

    Args:
        labels: 0 or False for good, 1 or True for defective, `[N]`.
        scores: anomaly scores `[N]`.
        level: share of test sets whose interval shall cover the truth, 0 < level < 1.
        resamples: number of times that the images are drawn.
        seed: of the draws.

    Returns:
        The interval; None with fewer than two images of a class, or where all scores are the same.

    Raises:
        ValueError: as `image_metrics`, or `level` is out of range.

    References:
        Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association, 1987.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not at {level}")
    truth, values = checked(labels, scores)
    defective, good = values[truth], values[~truth]
    fewer = min(len(defective), len(good))
    if fewer < 2 or np.ptp(values) == 0:
        return None
    auroc = float(_auroc(defective, good))
    if auroc in (0.0, 1.0):
        bound = ((1 - level) / 2) ** (1 / fewer)
        low, high = (bound, 1.0) if auroc else (0.0, 1 - bound)
        return Interval(auroc, low, high, level, f"exact bound from {fewer} pairs, all in the same order")
    found = stats.bootstrap(
        (defective, good),
        _auroc,
        n_resamples=resamples,
        batch=max(1, _RANKED_AT_ONCE // len(values)),
        vectorized=True,
        confidence_level=level,
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(
        auroc, float(found.low), float(found.high), level, f"BCa bootstrap, {resamples} resamples"
    )


def _auroc(defective: Floats, good: Floats, axis: int = -1) -> npt.NDArray[Any]:
    """Return the AUROC from mean ranks, along the last axis."""
    count = defective.shape[axis]
    ranks = stats.rankdata(np.concatenate((defective, good), axis=axis), axis=axis)
    wins = np.moveaxis(ranks, axis, -1)[..., :count].sum(axis=-1) - count * (count + 1) / 2
    auroc: npt.NDArray[Any] = wins / (count * good.shape[axis])
    return auroc
