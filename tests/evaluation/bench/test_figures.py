import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from patchsieve.evaluation import image_metrics, outlier_auroc, pixel_metrics, precision_at_n
from patchsieve.evaluation.bench import METRICS
from patchsieve.evaluation.bench.figures import figures

RNG = np.random.default_rng(0)
LABELS = np.arange(12) % 3 == 0
SCORES = RNG.normal(size=12).astype(np.float32) + LABELS
MAPS = RNG.random((12, 6, 6), np.float32)
MASKS = [RNG.random((6, 6)) < 0.3 * label for label in LABELS]
NOISE, TRAINING = np.arange(20) < 3, RNG.random(20).astype(np.float32)
# Measured around the detector, not computed from scores.
OTHERS = {"fit_seconds", "image_ms", "file_mib"}
OF_THE_THRESHOLD = set(
    list(METRICS)[list(METRICS).index("precision") : list(METRICS).index("youden") + 1]
) | {
    "threshold",
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
}
OF_THE_SUSPECTS = {"suspects_auroc", "suspects_precision_at_n"}
OF_THE_PIXELS = {"pixel_auroc", "pixel_average_precision", "pixel_f1_max", "aupro"}


def test_every_figure_has_its_value_under_its_name_in_order() -> None:
    found = figures(LABELS, SCORES, 0.5, MAPS, MASKS, NOISE, TRAINING)
    assert list(found) == [name for name in METRICS if name not in OTHERS]
    image, pixel = image_metrics(LABELS, SCORES, 0.5), pixel_metrics(MAPS, MASKS)
    for name, value in found.items():
        if name.startswith("image_"):
            assert value == getattr(image, name.removeprefix("image_"))
        elif name in OF_THE_PIXELS:
            assert value == getattr(pixel, name.removeprefix("pixel_"))
        elif name not in OF_THE_SUSPECTS:
            assert value == getattr(image, name)
    assert found["suspects_auroc"] == outlier_auroc(NOISE, TRAINING)
    assert found["suspects_precision_at_n"] == precision_at_n(NOISE, TRAINING)


def test_what_was_not_computed_is_absent() -> None:
    found = figures(LABELS, SCORES, None, MAPS, MASKS)
    assert set(found) == set(METRICS) - OTHERS - OF_THE_THRESHOLD - OF_THE_SUSPECTS
    assert None not in found.values()


def test_images_without_a_mask_are_left_out_of_the_pixels_only() -> None:
    masks = [None if index in (0, 4) else mask for index, mask in enumerate(MASKS)]
    found = figures(LABELS, SCORES, None, MAPS, masks)
    rest = [index for index in range(12) if index not in (0, 4)]
    truth = np.ravel([MASKS[index] for index in rest])
    assert found["pixel_auroc"] == pytest.approx(roc_auc_score(truth, MAPS[rest].ravel()))
    assert found["image_auroc"] == roc_auc_score(LABELS, SCORES)


def test_without_any_mask_of_a_defect_the_pixel_figures_are_none() -> None:
    masks = [None if label else mask for label, mask in zip(LABELS, MASKS, strict=True)]
    found = figures(LABELS, SCORES, None, MAPS, masks)
    assert {name for name, value in found.items() if value is None} == OF_THE_PIXELS


def test_maps_are_read_one_at_a_time() -> None:
    read = []

    class Lazy(list):
        def __getitem__(self, index):
            read.append(index)
            return MAPS[index]

    masks = [None, *MASKS[1:]]
    assert figures(LABELS, SCORES, None, Lazy(range(12)), masks) == figures(LABELS, SCORES, None, MAPS, masks)
    assert read == [*range(1, 12)] * 2


def test_half_of_the_suspects_data_or_too_few_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="suspects need both"):
        figures(LABELS, SCORES, None, MAPS, MASKS, NOISE)
    with pytest.raises(ValueError, match="12 maps but 11 masks"):
        figures(LABELS, SCORES, None, MAPS, MASKS[1:])
