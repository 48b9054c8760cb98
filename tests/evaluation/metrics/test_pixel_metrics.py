"""The counted figures against scikit-learn on all pixels, and AUPRO against its definition written out."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

from patchsieve.evaluation import pixel_auroc, pixel_metrics


def regions_by_flooding(mask) -> list[set[tuple[int, int]]]:
    """The 8-connected regions of a mask, pixel by pixel."""
    left, regions = {(int(y), int(x)) for y, x in np.argwhere(mask)}, []
    while left:
        region, frontier = set(), [left.pop()]
        while frontier:
            y, x = frontier.pop()
            region.add((y, x))
            near = {(y + down, x + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            frontier += near
        regions.append(region)
    return regions


def aupro_by_definition(maps, masks, limit) -> float:
    """Every score of every pixel as a threshold; straight lines between the points; cut off at the limit."""
    regions = [
        np.array([m[pixel] for pixel in region])
        for m, mask in zip(maps, masks, strict=True)
        for region in regions_by_flooding(mask)
    ]
    good = np.concatenate([m[~mask] for m, mask in zip(maps, masks, strict=True)])
    points = [(0.0, 0.0)]
    for threshold in np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]:
        overlap = np.mean([np.mean(region >= threshold) for region in regions])
        points.append((float(np.mean(good >= threshold)), float(overlap)))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        end = min(x1, limit)
        if end > x0:
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (y0 + y_end) / 2
    return area / limit


def _maps_and_masks(seed: int, images: int = 5, levels: int | None = None):
    rng = np.random.default_rng(seed)
    shapes = [(int(rng.integers(3, 12)), int(rng.integers(3, 12))) for _ in range(images)]
    maps = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    if levels:
        maps = [np.round(m * levels).astype(np.float32) / np.float32(levels) for m in maps]
    return maps, [rng.random(shape) < 0.2 for shape in shapes]


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("seed", range(4))
def test_all_figures_are_those_of_scikit_learn_and_of_the_plain_definitions(seed, levels) -> None:
    maps, masks = _maps_and_masks(seed, levels=levels)
    truth = np.concatenate([m.ravel() for m in masks])
    scores = np.concatenate([m.ravel() for m in maps])
    metrics = pixel_metrics(maps, masks)
    assert metrics.auroc == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert metrics.average_precision == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert metrics.f1_max == pytest.approx(f1.max(), abs=1e-12)
    assert f1_score(truth, scores > metrics.f1_max_threshold) == pytest.approx(metrics.f1_max, abs=1e-12)
    best = thresholds[np.flatnonzero(np.isclose(f1[:-1], f1.max(), rtol=0, atol=1e-12))[-1]]
    assert np.array_equal(scores > metrics.f1_max_threshold, scores >= best)
    for limit in (0.3, 0.05, 1.0):
        ours = pixel_metrics(maps, masks, aupro_limit=limit).aupro
        assert ours == pytest.approx(aupro_by_definition(maps, masks, limit), abs=1e-12)
    assert (metrics.defective, metrics.good) == (truth.sum(), np.sum(~truth))
    assert metrics.regions == sum(len(regions_by_flooding(mask)) for mask in masks)
    assert metrics.undefined == {}


def test_the_area_is_exact_where_float32_scores_nearly_touch() -> None:
    one = np.float32(1.0)
    maps = np.array([[[one, np.nextafter(one, np.float32(2.0))]]])
    assert pixel_auroc(maps, np.array([[[False, True]]])) == 1.0
    assert pixel_auroc(maps, np.array([[[True, False]]])) == 0.0


def test_without_defective_or_without_good_pixels_nothing_is_defined() -> None:
    maps = np.zeros((2, 3, 3), np.float32)
    figures = {"auroc", "average_precision", "f1_max", "f1_max_threshold", "aupro"}
    for masks, missing in ((np.zeros((2, 3, 3), bool), "defective"), (np.ones((2, 3, 3), bool), "good")):
        metrics = pixel_metrics(maps, masks)
        assert metrics.undefined == dict.fromkeys(
            figures, f"there is no {missing} pixel in the images that have masks"
        )
    assert set(pixel_metrics([], []).undefined) == figures


def test_maps_are_read_lazily_and_only_the_defective_pixels_are_kept() -> None:
    class Lazy(list):
        def __getitem__(self, index):
            return np.random.default_rng(index).random((512, 512), np.float32)

    class LazyMasks(list):
        def __getitem__(self, index):
            mask = np.zeros((512, 512), bool)
            mask[:8, :8] = True
            return mask

    tracemalloc.start()
    metrics = pixel_metrics(Lazy(range(40)), LazyMasks(range(40)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert metrics.auroc == pytest.approx(0.5, abs=0.05)
    # All maps together are 42 MB; one map with its sorting and ranking is under 10 MB.
    assert peak < 12e6


@pytest.mark.parametrize(
    ("maps", "masks", "says"),
    [
        ([np.zeros((2, 2))], [], "1 maps but 0 masks"),
        ([np.zeros((2, 2))], [np.zeros((2, 3), bool)], "map 0 is"),
        ([np.zeros((2, 2))], [np.zeros((2, 2), np.uint8)], "must be bool"),
        ([np.full((2, 2), np.nan)], [np.zeros((2, 2), bool)], "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(maps, masks, says) -> None:
    with pytest.raises(ValueError, match=says):
        pixel_metrics(maps, masks)


def test_the_limit_of_aupro_lies_between_0_and_1() -> None:
    for limit in (0.0, 1.5):
        with pytest.raises(ValueError, match="cannot be integrated"):
            pixel_metrics([np.zeros((2, 2))], [np.eye(2, dtype=bool)], aupro_limit=limit)


def test_aupro_worked_out_by_hand() -> None:
    # Ten good pixels; two regions, of one and of two pixels, the second touching at a corner only.
    anomaly_map = np.array([[9.0, 0, 5, 0], [0, 0, 0, 3], [0, 0, 7, 0], [0, 4, 0, 0]], np.float32)
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = mask[0, 2] = mask[1, 3] = True
    # Falling thresholds: 9 finds region 1: overlap 1/2. The good 7: rate 1/13. 5: overlap 3/4. The good 4: rate 2/13.
    # 3: overlap 1.
    metrics = pixel_metrics([anomaly_map], [mask])
    assert metrics.regions == 2
    assert metrics.aupro == pytest.approx((1 / 13 * 1 / 2 + 1 / 13 * 3 / 4 + (0.3 - 2 / 13)) / 0.3)


small = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.05, 0.9))


@given(small)
@settings(max_examples=60, deadline=None)
def test_any_maps_with_many_ties_agree_with_the_definitions(drawn) -> None:
    seed, levels, density = drawn
    rng = np.random.default_rng(seed)
    maps, masks = rng.integers(0, levels, (3, 4, 5)).astype(np.float32), rng.random((3, 4, 5)) < density
    metrics = pixel_metrics(maps, masks)
    if not masks.any() or masks.all():
        assert metrics.auroc is metrics.aupro is metrics.average_precision is None
        return
    assert metrics.auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-12)
    expected = average_precision_score(masks.ravel(), maps.ravel())
    assert metrics.average_precision == pytest.approx(expected, abs=1e-12)
    assert metrics.aupro == pytest.approx(aupro_by_definition(maps, masks, 0.3), abs=1e-12)


@given(small)
@settings(max_examples=40, deadline=None)
def test_only_the_order_of_the_scores_counts(drawn) -> None:
    seed, levels, density = drawn
    rng = np.random.default_rng(seed)
    maps, masks = rng.integers(-2, levels, (3, 4, 5)).astype(np.float64), rng.random((3, 4, 5)) < density
    masks[0, 0, :2] = True, False
    plain = pixel_metrics(maps, masks)
    for changed in (np.exp(maps), maps**3 - 7, (maps * 0.5).astype(np.float32)):
        again = pixel_metrics(changed, masks)
        for name in ("auroc", "average_precision", "f1_max", "aupro"):
            assert getattr(again, name) == pytest.approx(getattr(plain, name), abs=1e-12)


def test_perfect_and_useless_maps() -> None:
    masks = np.zeros((2, 8, 8), bool)
    masks[0, 2:4, 2:4] = True
    perfect = pixel_metrics(masks.astype(np.float32), masks)
    assert (perfect.auroc, perfect.average_precision, perfect.f1_max, perfect.aupro) == (1, 1, 1, 1)
    # One and the same score everywhere: the curve is the diagonal.
    flat = pixel_metrics(np.ones((2, 8, 8)), masks)
    assert flat.auroc == 0.5
    assert flat.average_precision == pytest.approx(4 / 128)
    assert flat.aupro == pytest.approx(0.3 / 2)
    assert pixel_metrics(-masks.astype(np.float32), masks).aupro == 0.0


def test_a_large_region_counts_no_more_than_a_small_one() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:10] = True
    mask[15, 15] = True
    found_large, found_small = np.zeros((2, 20, 20), np.float32)
    found_large[:10] = 1
    found_small[15, 15] = 1
    large, small = (pixel_metrics([m], [mask]) for m in (found_large, found_small))
    # Each finds one region of two at once, and the other with all the rest.
    for metrics in (large, small):
        assert metrics.aupro == pytest.approx(0.5 + 0.3 / 4)
    assert large.auroc > 0.99
    assert small.auroc < 0.51
