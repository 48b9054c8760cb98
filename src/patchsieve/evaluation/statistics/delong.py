"""Two detectors on the same test images: is the difference of their AUROCs more than chance?"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from patchsieve.evaluation.metrics.labelled import Floats, Labels, Mask, checked

# Differences of placements are multiples of 1 / (2 x number of images); below this is rounding.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class AurocComparison:
    """DeLong's test of two correlated AUROCs.

    Attributes:
        level: of the interval below, 0 to 1.
        first: AUROC of the first detector; None with one class only.
        second: of the second.
        difference: first minus second.
        standard_error: of the difference, from images drawn anew.
        low: lower end of the difference's interval, not held to -1.
        high: upper end, not held to 1.
        p_value: two-sided, of the hypothesis that both detectors have the same AUROC.
        undefined: why the last figures are None; None where they are not.
    """

    level: float
    first: float | None = None
    second: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    undefined: str | None = None


def compare_aurocs(labels: Labels, first: Floats, second: Floats, *, level: float = 0.95) -> AurocComparison:
    """Test whether two detectors rank the same test images differently well.

    The *placement* of a defective image is the share of the good ones that it scores higher than, ties half, and that
    of a good image the share of the defective ones that score higher. The AUROC is the mean of either kind, and its
    variance that of the placements over their number, summed over the two classes. Both detectors place the same
    images, so the variance of the difference of AUROCs is that of the differences of placements. The difference over
    its standard error is taken as normal: rough with fewer than some twenty images of a class.

    Args:
        labels: 0 or False for good, 1 or True for defective, `[N]`.
        first: anomaly scores of one detector `[N]`.
        second: of the other, for the same images in the same order.
        level: of the interval of the difference.

    Raises:
        ValueError: as `image_metrics`, or `level` is out of range.

    References:
        DeLong et al., "Comparing the areas under two or more correlated receiver operating characteristic curves",
        Biometrics 44, 1988. Sun and Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing
        Letters 21, 2014 (placements from ranks).
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not at {level}")
    (truth, scores), (_, others) = checked(labels, first), checked(labels, second)
    if truth.all() or not truth.any():
        return AurocComparison(level=level, undefined="all images are of one class")
    ours, theirs = _placements(truth, scores), _placements(truth, others)
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    found = AurocComparison(
        level=level,
        first=float(ours[0].mean()),
        second=float(theirs[0].mean()),
        difference=float(differences[0].mean()),
    )
    if min(map(len, differences)) < 2:
        return replace(found, undefined="there are fewer than two images of a class")
    if all(np.ptp(placed) < _NOTHING for placed in differences):
        return replace(found, undefined="both detectors place all images alike, or all the same way apart")
    error = float(np.sqrt(sum(placed.var(ddof=1) / len(placed) for placed in differences)))
    difference, reach = float(differences[0].mean()), error * float(stats.norm.isf((1 - level) / 2))
    return replace(
        found,
        standard_error=error,
        low=difference - reach,
        high=difference + reach,
        p_value=float(2 * stats.norm.sf(abs(difference) / error)),
    )


def _placements(truth: Mask, scores: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the placements of the defective images and of the good ones."""
    defective, good = scores[truth], scores[~truth]
    among_all = stats.rankdata(scores)
    beaten = among_all[truth] - stats.rankdata(defective)
    beaten_by_good = among_all[~truth] - stats.rankdata(good)
    return beaten / len(good), 1 - beaten_by_good / len(defective)
