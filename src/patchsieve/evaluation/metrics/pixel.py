"""How well anomaly maps outline the defects, against masks.

All figures are exact, and none needs the good pixels in memory: all that matters of a good pixel is which defective
pixels score higher, lower and the same. So the scores of the defective pixels are gathered first, and then the good
pixels of one image after the other are counted between them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.integrate import trapezoid

from patchsieve.evaluation.metrics.labelled import Floats, Mask

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

# Pixels that touch at a corner belong to one region.
_TOUCHING = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class PixelMetrics:
    """How well maps tell defective pixels from good ones, all pixels of all images in one ranking.

    Attributes:
        auroc: area under the ROC curve: the probability that a defective pixel scores higher than a good one, ties
            counting half.
        average_precision: area under the precision-recall curve, as a step function.
        f1_max: the best F1 that any threshold reaches on these very masks: an upper bound, not a forecast.
        f1_max_threshold: the highest threshold that reaches it, just below the lowest score that it lets through.
        aupro: area under the curve of the per-region overlap (the mean over all defective regions of the share
            of the region that is above the threshold) against the false positive rate, up to a rate of
            `aupro_limit`, divided by it. Regions are 8-connected.
        aupro_limit: false positive rate, 0 to 1.
        regions: number of defective regions.
        defective: number of defective pixels.
        good: number of good pixels.

    References:
        Bergmann et al., "The MVTec anomaly detection dataset", IJCV 2021 (AUPRO, with the limit of 0.3).
    """

    auroc: float | None
    average_precision: float | None
    f1_max: float | None
    f1_max_threshold: float | None
    aupro: float | None
    aupro_limit: float
    regions: int
    defective: int
    good: int

    @property
    def undefined(self) -> dict[str, str]:
        """For every quantity that is None, the reason in words."""
        missing = [name for name, count in (("defective", self.defective), ("good", self.good)) if not count]
        reason = f"there is no {' and no '.join(missing)} pixel in the images that have masks"
        return {name: reason for name, value in asdict(self).items() if value is None}


def pixel_metrics(maps: Sequence[Floats], masks: Sequence[Mask], *, aupro_limit: float = 0.3) -> PixelMetrics:
    """Judge anomaly maps by masks, exactly.

    `maps` and `masks` are read twice, one pair at a time, and may be lazy. The memory needed beside one pair is
    about 160 bytes for each *defective* pixel, however many good ones there are.

    Args:
        maps: N anomaly maps `[h, w]`, or an array `[N, h, w]`; shapes may differ between images.
        masks: N ground-truth masks, True on defective pixels, each of the shape of its map.
        aupro_limit: false positive rate that AUPRO is integrated to, over 0 and at most 1.

    Raises:
        ValueError: numbers or shapes differ, a mask is not bool, a map holds a value that is not finite, or the
            limit is out of range.
    """
    if len(maps) != len(masks):
        raise ValueError(f"{len(maps)} maps but {len(masks)} masks")
    if not 0 < aupro_limit <= 1:
        raise ValueError(f"AUPRO cannot be integrated to a false positive rate of {aupro_limit}")
    scores, weights, regions, good = _defective_pixels(maps, masks)
    if not len(scores) or not good:
        return PixelMetrics(None, None, None, None, None, aupro_limit, regions, len(scores), good)
    levels, inverse = np.unique(scores, return_inverse=True)
    found = _from_above(np.bincount(inverse))
    overlap = _from_above(np.bincount(inverse, weights=weights)) / regions
    at_least, above = _good_pixels(maps, masks, levels)
    f1 = 2 * found / (len(scores) + found + at_least)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return PixelMetrics(
        auroc=_auroc(found, at_least, above, good),
        average_precision=float(np.sum(_at_level(found) * (found / (found + at_least))) / len(scores)),
        f1_max=float(f1[best]),
        f1_max_threshold=float(np.nextafter(levels[best], -np.inf, dtype=levels.dtype)),
        aupro=_aupro(overlap, at_least / good, above / good, aupro_limit),
        aupro_limit=aupro_limit,
        regions=regions,
        defective=len(scores),
        good=good,
    )


def pixel_auroc(maps: Sequence[Floats], masks: Sequence[Mask]) -> float | None:
    """Return the exact area under the ROC curve over all pixels, `pixel_metrics(maps, masks).auroc`."""
    return pixel_metrics(maps, masks).auroc


def _defective_pixels(maps: Sequence[Floats], masks: Sequence[Mask]) -> tuple[Floats, Values, int, int]:
    """Gather the defective pixels `[D]`: scores, and the share that each has of its region.

    Returns:
        Scores, shares, the number of regions and the number of good pixels.
    """
    scores: list[Floats] = [np.empty(0, np.float32)]
    weights: list[Values] = [np.empty(0)]
    regions = good = 0
    for anomaly_map, mask in _pairs(maps, masks):
        good += mask.size - int(np.count_nonzero(mask))
        if mask.any():
            labelled, count = ndimage.label(mask, _TOUCHING)
            region = labelled[mask]
            scores.append(anomaly_map[mask])
            weights.append((1.0 / np.maximum(np.bincount(region), 1))[region])
            regions += count
    return np.concatenate(scores), np.concatenate(weights), regions, good


def _good_pixels(maps: Sequence[Floats], masks: Sequence[Mask], levels: Floats) -> tuple[Counts, Counts]:
    """Count the good pixels that score at least as high as each of the rising `levels` `[L]`, and higher."""
    from_level, on_level = np.zeros((2, len(levels)), np.int64)
    for anomaly_map, mask in _pairs(maps, masks):
        # Most good pixels score lower than any defective one; the others are sorted to be looked up in order.
        good = np.sort(anomaly_map[~mask & (anomaly_map >= levels[0])])
        level = np.searchsorted(levels, good, side="right") - 1
        np.add.at(from_level, level, 1)
        np.add.at(on_level, level[levels[level] == good], 1)
    at_least = _from_above(from_level)
    return at_least, at_least - on_level


def _from_above(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return how much there is at each level or above it, from how much is at each."""
    return np.cumsum(counts[::-1])[::-1]


def _at_level(totals: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return how much there is at each level, from how much is there or above."""
    at_level: npt.NDArray[Any] = totals - np.append(totals[1:], 0)
    return at_level


def _auroc(found: Counts, at_least: Counts, above: Counts, good: int) -> float:
    lost_twice = _at_level(found) * (at_least + above)
    # Python integers: the number of pixel pairs passes 2**63 for a few thousand large images.
    parts = np.add.reduceat(lost_twice, np.arange(0, len(lost_twice), 1024)).tolist()
    pairs_twice = 2 * int(found[0]) * good
    return float((pairs_twice - sum(parts)) / pairs_twice)


def _aupro(overlap: Values, at_least: Values, above: Values, limit: float) -> float:
    """Integrate the curve of overlap against false positive rate, given at rising levels, up to a limit.

    From one level down to the next only good pixels are passed: the overlap stays. At a level itself the curve is a
    straight line, which is upright where no good pixel has the same score.
    """
    before = np.append(0.0, overlap[:0:-1])
    rate = np.concatenate(([0.0], np.column_stack((above[::-1], at_least[::-1])).ravel(), [1.0]))
    share = np.concatenate(([0.0], np.column_stack((before, overlap[::-1])).ravel(), [1.0]))
    inside = int(np.searchsorted(rate, limit, side="right"))
    at_limit = np.interp(limit, rate[inside - 1 : inside + 1], share[inside - 1 : inside + 1])
    area = trapezoid(np.append(share[:inside], at_limit), np.append(rate[:inside], limit))
    return float(area / limit)


def _pairs(maps: Sequence[Floats], masks: Sequence[Mask]) -> Iterator[tuple[Floats, Mask]]:
    for index in range(len(maps)):
        anomaly_map, mask = np.asarray(maps[index]), np.asarray(masks[index])
        if anomaly_map.shape != mask.shape:
            raise ValueError(f"map {index} is {anomaly_map.shape} but its mask is {mask.shape}")
        if mask.dtype != np.bool_:
            raise ValueError(f"mask {index} is {mask.dtype}; it must be bool")
        if not np.isfinite(anomaly_map).all():
            raise ValueError(f"map {index} holds a value that is not finite")
        yield anomaly_map, mask
