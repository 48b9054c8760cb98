"""The distribution of the scores of good images: a generalised gamma.

Logarithms l of scores are taken as l = mu + sigma w, and w as Prentice's log-gamma with the shape Q. It holds what
scores look like: Q = 0 is the log-normal, Q = 1 Weibull, Q = sigma gamma, Q = -1 Fréchet, which maxima over many
patches come close to. Source: R. L. Prentice, A log gamma model and its maximum likelihood estimation, Biometrika
61 (1974).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Nearer to 0 the formula divides by almost nothing, and the normal distribution is as good.
_NORMAL = 1e-3
_LOG_TWO_PI = float(np.log(2 * np.pi))


def log_normal_density(w: Floats) -> Floats:
    """Return the log density of the standard normal distribution."""
    return -0.5 * (w * w + _LOG_TWO_PI)


def log_density(w: Floats, shape: float) -> Floats:
    """Return the log density of the standardised log-gamma with shape Q."""
    if abs(shape) < _NORMAL:
        return log_normal_density(w)
    from scipy.special import gammaln  # what only decides has no SciPy

    a = shape**-2
    constant = float(np.log(abs(shape)) + a * np.log(a) - gammaln(a))
    return constant + a * (shape * w - _exp(shape * w))


def log_survival(w: float, shape: float) -> float:
    """Return the logarithm of the chance that the standardised log-gamma with shape Q is above w."""
    from scipy.special import gammainc, gammaincc, log_ndtr

    if abs(shape) < _NORMAL:
        return float(log_ndtr(-w))
    a = shape**-2
    above = gammaincc if shape > 0 else gammainc
    return float(np.log(max(above(a, a * _exp(shape * w)), np.finfo(float).tiny)))


@dataclass(frozen=True, slots=True)
class GoodScores:
    """The fitted distribution of the scores of good images.

    Attributes:
        centre: mu, of the logarithms.
        spread: sigma, of the logarithms, above 0.
        shape: Q.
    """

    centre: float
    spread: float
    shape: float

    def score_above(self, rate: float) -> float:
        """Return the score that the share `rate` of good images is above, 0 < rate < 1."""
        from scipy.special import gammainccinv, gammaincinv, ndtri

        if abs(self.shape) < _NORMAL:
            w = -float(ndtri(rate))
        else:
            a = self.shape**-2
            inverse = gammainccinv if self.shape > 0 else gammaincinv
            w = float(np.log(max(inverse(a, rate), np.finfo(float).tiny) / a)) / self.shape
        return float(np.exp(min(self.centre + self.spread * w, 700.0)))


def _exp(x: npt.ArrayLike) -> Floats:
    return np.exp(np.clip(np.asarray(x, dtype=np.float64), -700.0, 50.0))
