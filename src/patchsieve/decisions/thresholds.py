"""Where to draw the line between good and defective, from scores of images a model has not seen."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError

# The 15.87 % quantile lies one standard deviation below the median of a normal distribution.
_ONE_SIGMA_BELOW = NormalDist().cdf(-1.0)
# Hardly a good image in a hundred lies beyond; leaving out twice instead of once would bite into the good ones.
_CUT = 2.5


def robust_threshold(scores: npt.ArrayLike, quantile: float) -> float:
    """Estimate the given quantile of the scores of *good* images, though some of the images are defective.

    Image scores are maxima and skewed to the right, and the defective images of an uncleaned training set sit
    in just that tail, so an empirical quantile would follow the defects. The logarithm of the scores is taken
    as normal instead; its centre is the median and its spread the distance from the median down to the
    15.87 % quantile, so that only the lower half, where defective images are rare, decides. Defective images
    still push these quantiles up; so what lies 2.5 spreads above the centre is left out, once, and the rest
    estimated again.

    Args:
        scores: out-of-sample scores of training images, positive, any number of them >= 1.
        quantile: share of good images that should stay at or below the threshold, 0 < quantile < 1.

    Returns:
        The threshold, on the scale of the scores.

    Raises:
        ConfigError: `quantile` is out of range.
    """
    if not 0 < quantile < 1:
        raise ConfigError(f"threshold_quantile is {quantile}: it must lie between 0 and 1, e.g. 0.99")
    logarithms = np.log(np.maximum(np.asarray(scores, dtype=np.float64), np.finfo(np.float32).tiny))
    centre, spread = _centre_and_spread(logarithms)
    centre, spread = _centre_and_spread(logarithms[logarithms <= centre + _CUT * spread])
    return float(np.exp(centre + NormalDist().inv_cdf(quantile) * spread))


def _centre_and_spread(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, centre = np.quantile(values, [_ONE_SIGMA_BELOW, 0.5])
    return float(centre), float(centre - low)
