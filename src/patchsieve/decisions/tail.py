"""The tail of good scores beyond what the images show: a generalised Pareto distribution of the peaks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Weak belief about the shape: mean and standard deviation. Scores have tails between exponential and 1/x^4.
_SHAPE = (0.0, 0.2)


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """Exceedances over a peak threshold.

    Attributes:
        start: the peak threshold u, a score.
        rate: share of good images above it.
        scale: of the exceedances, above 0.
        shape: 0 for an exponential tail, above for a heavier one, below for one that ends.
    """

    start: float
    rate: float
    scale: float
    shape: float

    def score_above(self, rate: float) -> float:
        """Return the score that the share `rate` of good images is above, 0 < rate <= `rate` of the tail."""
        from scipy.stats import genpareto  # what only decides has no SciPy

        return self.start + float(genpareto.isf(rate / self.rate, self.shape, scale=self.scale))


def fit_tail(peaks: Floats, weights: Floats, start: float, rate: float) -> ParetoTail:
    """Fit a generalised Pareto distribution to the scores above `start`.

    By penalised maximum likelihood, in the manner of Coles and Dixon (Likelihood-based inference for extreme value
    models, Extremes 2, 1999): with few peaks the free likelihood finds absurd shapes. Each peak counts with the
    probability that its image is good, so that defective images have little say.

    Args:
        peaks: float64 `[K]`, scores above `start`, K >= 1.
        weights: float64 `[K]`, probability of being good.
        start: the peak threshold.
        rate: share of good images above it.
    """
    from scipy.optimize import minimize

    excess = peaks - start
    mean = float(np.average(excess, weights=weights))

    def cost(p: Floats) -> float:
        return negative_log_likelihood(excess / mean, weights, float(np.exp(p[0])), float(p[1]))

    found = minimize(
        cost, np.array([0.0, 0.05]), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-4}
    )
    return ParetoTail(start, rate, mean * float(np.exp(found.x[0])), float(found.x[1]))


def negative_log_likelihood(excess: Floats, weights: Floats, scale: float, shape: float) -> float:
    """Return the penalised, weighted negative log-likelihood of exceedances > 0."""
    from scipy.stats import genpareto

    if 1 + shape * excess.max() / scale <= 0:
        return 1e10
    logarithms = genpareto.logpdf(excess, shape, scale=scale)
    penalty = 0.5 * ((shape - _SHAPE[0]) / _SHAPE[1]) ** 2
    return float(-(weights * logarithms).sum() + penalty)
