"""Do most of today's images have higher values than training's, whatever a few defective ones have?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one test says.

    Attributes:
        p_value: one-sided; not yet corrected for other tests.
        effect: chance that an image of today has a higher value than one of training, ties half, after the images of
            today with the highest values are left out: 0 to 1, at most about 0.5 where there is no drift.
    """

    p_value: float
    effect: float


def left_out(images: int, tolerated: float) -> int:
    """Return how many of today's images may be defective: the share `tolerated`, rounded down."""
    # 0.2 of 50 images are 10, also where floats make it 9.999...
    return int(np.floor(tolerated * images + 1e-9))


def rank_test(training: Floats, today: Floats, tolerated: float) -> Outcome:
    """Test whether values have become higher, though a share of today's images may be defective.

    The share `tolerated` of today's values, the highest, is left out; the rest is held against training's by the
    one-sided test of Mann and Whitney. If at most that many of today's images are not like training, whatever their
    values, then the k-th lowest of the rest is at most the k-th lowest of the images that are, for every k: so the
    p-value holds with any such defects, at the price that a small shift of all images is not found.

    Args:
        training: `[N]`, N >= 1.
        today: `[M]`, M >= 1.
        tolerated: share of today's images, 0 <= tolerated < 1.

    References:
        Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
        Annals of Mathematical Statistics 18, 1947. Vargha and Delaney, "A critique and improvement of the CL common
        language effect size statistics", Journal of Educational and Behavioral Statistics 25, 2000 (the effect).
    """
    rest = np.sort(today)[: len(today) - left_out(len(today), tolerated)]
    # Not in float32: ranks need no precision, but equal values must stay equal.
    found = stats.mannwhitneyu(rest.astype(np.float64), training.astype(np.float64), alternative="greater")
    return Outcome(float(found.pvalue), float(found.statistic) / (len(rest) * len(training)))
