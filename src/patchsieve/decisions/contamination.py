"""Which training scores are those of good images, without labels."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.good_scores import GoodScores, log_density, log_normal_density, log_survival

Floats = npt.NDArray[np.float64]
Cost = Callable[[Floats], float]

# More defective images than this are no contamination but another kind of good.
_MOST = 0.35
# Defective images lie at least this many spreads above the middle of the good ones, in the mean.
_APART = 1.5
# Weak beliefs (mean, standard deviation) that decide where a few images cannot: the shape of good scores, the
# logarithm of their spread and that of the defective ones, in units of the distance from the median down to the
# 15.87 % quantile.
_SHAPE = (-0.3, 0.7)
_SPREAD = (0.0, 1.0)
_DEFECTIVE_SPREAD = (0.5, 0.7)
# Half the 1 % point of chi-squared with three degrees of freedom.
SIGNIFICANT = 11.344866730144368 / 2
# In simulations with heavy-tailed good scores alone the likelihoods never came to lie so far apart.
_DECISIVE = 10.0
# Logarithms that differ by less are rounding.
_NO_SPREAD = 1e-9
# No parameter is farther from 0 than this, in its own unit.
_FARTHEST = 10.0
# Share of the scores that is believed to show how good ones are distributed, though some are of defective images.
_SHOWN = 0.8
# One standard deviation below the median of a normal distribution.
_ONE_SIGMA_BELOW = 0.15866


@dataclass(frozen=True)
class Sifted:
    """Scores, each with the probability that its image is good.

    Attributes:
        scores: float64 `[N]`, ascending, above 0.
        weights: float64 `[N]`, probability of being good, falling from 1.
        contamination: estimated share of defective images.
        evidence: logarithm of how much likelier these scores are with defective images than without, 0 or above.
        good: the distribution fitted to the good ones; None where the scores have no spread to fit one to.
    """

    scores: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    contamination: float
    evidence: float
    good: GoodScores | None

    @property
    def decisive(self) -> bool:
        """Whether there is no doubt: else a heavy tail of good scores could look like the defective images found."""
        return not self.contamination or self.evidence > _DECISIVE

    @property
    def images(self) -> float:
        """How many of the images are good, by their probabilities."""
        return float(self.weights.sum())

    def count_above(self, score: float) -> float:
        """Return how many good images lie above a score, by their probabilities."""
        return float(self.weights[self.scores > score].sum())


def sift(scores: npt.ArrayLike, *, clean: bool = False, judged: bool = False) -> Sifted:
    """Estimate for each score how likely its image is good.

    Good scores are taken as generalised gamma (`GoodScores`), defective ones as log-normal and higher; both are fitted
    together by penalised maximum likelihood. The defective part is believed in only where a likelihood-ratio test of
    its three parameters is significant at 1 %, so that clean sets stay whole. A heavy tail of good scores and defects
    that overlap with it look alike: what overlaps is found in part, or not at all.

    Args:
        scores: out-of-sample scores `[N]`, N >= 1; what is not above 0 counts as a very small score.
        clean: believe that all images are good.
        judged: who knows more than their scores has judged these images not to be defective: believe otherwise only
            where the likelihoods differ by more than heavy tails of good scores make them.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    ordered = np.maximum(ordered, max(1e-6 * float(np.median(ordered)), float(np.finfo(np.float32).tiny)))
    logarithms = np.log(ordered)
    centre, spread = _centre_and_spread(logarithms)
    unit = spread or float(np.std(logarithms))
    everything = np.ones(len(ordered))
    if unit < _NO_SPREAD:
        return Sifted(ordered, everything, 0.0, 0.0, None)
    fit = _Fit((logarithms - centre) / unit)
    alone, cost = fit.good_alone()
    weights, share, evidence = everything, 0.0, 0.0
    if not clean:
        mixed, mixed_cost = fit.with_defects(alone)
        evidence = max(0.0, cost - mixed_cost)
        if evidence > (_DECISIVE if judged else SIGNIFICANT):
            alone, weights, share = mixed[:3], fit.weights(mixed), fit.share(mixed)
    return Sifted(ordered, weights, share, evidence, _good_scores(alone, centre, unit))


def good_by_lower_scores(scores: Floats) -> GoodScores | None:
    """Fit the distribution of good scores to the lower four fifths; of the others it counts only that they are higher.

    However far up defective images lie, they count for no more than that they are above the 80 % quantile. The lower
    scores show the middle, the spread and how lopsided good scores are: a long tail is foretold where it begins.

    Args:
        scores: float64 `[N]`, ascending, above 0.

    Returns:
        None where the scores below the middle have no spread.
    """
    logarithms = np.log(scores)
    centre, spread = _centre_and_spread(logarithms)
    if spread < _NO_SPREAD:
        return None
    p, _ = _Fit((logarithms - centre) / spread).good_alone(shown=max(1, int(_SHOWN * len(scores))))
    return _good_scores(p, centre, spread)


def _good_scores(p: Floats, centre: float, unit: float) -> GoodScores:
    return GoodScores(float(centre + unit * p[0]), float(unit * np.exp(p[1])), float(p[2]))


def _centre_and_spread(values: Floats) -> tuple[float, float]:
    """Return the median and the distance from it down to the 15.87 % quantile, one standard deviation if normal."""
    low, centre = np.quantile(values, [_ONE_SIGMA_BELOW, 0.5])
    return float(centre), float(centre - low)


class _Fit:
    """Penalised likelihoods of standardised logarithms `[N]`, ascending.

    Parameters: centre, log spread and shape of the good ones; then of the defective ones the log odds of their share,
    the logarithm of how far they lie apart, their log spread.
    """

    def __init__(self, z: Floats) -> None:
        self.z = z

    def good_alone(self, shown: int | None = None) -> tuple[Floats, float]:
        """Return the parameters without defective images, and the negative log-likelihood.

        Of those beyond the `shown` lowest it is only known that they are higher: they are censored.
        """
        starts = [np.array([0.0, 0.0, shape]) for shape in (-1.0, -0.3, 0.3, 1.0)]
        return _lowest(lambda p: self._censored(p, shown or len(self.z)), starts)

    def with_defects(self, alone: Floats) -> tuple[Floats, float]:
        """Return the parameters with defective images, and the negative log-likelihood."""
        starts = []
        for share in (0.02, 0.05, 0.1, 0.2):
            far = self.z[-max(2, int(share * len(self.z))) :]
            odds = np.log(share / (_MOST - share))
            apart = np.log(max(float(far.mean()) - _APART, 0.2))
            spread = np.log(np.clip(float(far.std()), 0.5, 4.0))
            starts += [np.array([0.0, 0.0, shape, odds, apart, spread]) for shape in (-1.0, -0.3, 0.3)]
            starts.append(np.array([*alone, odds, apart, spread]))
        return _lowest(self._mixed, starts)

    def share(self, p: Floats) -> float:
        """Return the share of defective images."""
        return float(_MOST / (1 + np.exp(-p[3])))

    def weights(self, p: Floats) -> Floats:
        """Return for each the probability that it is good; it never rises with the score."""
        good, defective = self._parts(p)
        probability = 1 / (1 + np.exp(np.clip(defective - good, -500, 500)))
        falling: Floats = np.minimum.accumulate(np.where(self.z <= 0, 1.0, probability))
        return falling

    def _good(self, p: Floats, shown: int | None = None) -> Floats:
        return log_density((self.z[:shown] - p[0]) / np.exp(p[1]), float(p[2])) - float(p[1])

    def _censored(self, p: Floats, shown: int) -> float:
        beyond = log_survival(float((self.z[shown - 1] - p[0]) / np.exp(p[1])), float(p[2]))
        return -float(self._good(p, shown).sum()) - (len(self.z) - shown) * beyond + _beliefs(p)

    def _parts(self, p: Floats) -> tuple[Floats, Floats]:
        share = self.share(p)
        middle = p[0] + np.exp(p[1]) * (_APART + np.exp(min(p[4], 5.0)))
        defective = log_normal_density((self.z - middle) / np.exp(p[5])) - p[5]
        return np.log1p(-share) + self._good(p), np.log(share) + defective

    def _mixed(self, p: Floats) -> float:
        return -float(np.logaddexp(*self._parts(p)).sum()) + _beliefs(p) + _unlikely(p[5], _DEFECTIVE_SPREAD)


def _beliefs(p: Floats) -> float:
    return _unlikely(p[1], _SPREAD) + _unlikely(p[2], _SHAPE)


def _unlikely(value: float, belief: tuple[float, float]) -> float:
    return float(0.5 * ((value - belief[0]) / belief[1]) ** 2)


def _lowest(cost: Cost, starts: list[Floats]) -> tuple[Floats, float]:
    """Minimise from the two most promising starts."""

    def finite(p: Floats) -> float:
        value = cost(p)
        return value if np.isfinite(value) else 1e10

    from scipy.optimize import minimize  # what only decides has no SciPy

    # Nelder-Mead does not mind that the slope of the shape vanishes at 0, but takes long with six parameters.
    method = "Nelder-Mead" if len(starts[0]) == 3 else "L-BFGS-B"
    bounds = [(-_FARTHEST, _FARTHEST)] * len(starts[0])
    found = [
        minimize(finite, start, method=method, bounds=bounds) for start in sorted(starts, key=finite)[:2]
    ]
    best = min(found, key=lambda one: float(one.fun))
    return np.asarray(best.x, dtype=np.float64), float(best.fun)
