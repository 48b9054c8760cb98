import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from patchsieve import SoftPatch, read_images
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.evaluation import evaluate
from patchsieve.images import decode_mask


@pytest.fixture
def good_bad(tmp_path, part):
    """Three good and three defective parts without masks, in no splits."""
    for index in range(6):
        folder = tmp_path / "sorted" / ("bad" if index > 2 else "good")
        folder.mkdir(parents=True, exist_ok=True)
        part(300 + index, defective=index > 2).image.save(folder / f"{index}.png")
    return tmp_path / "sorted"


@pytest.fixture
def masked(tmp_path, part):
    """MVTec AD's layout without a train part: 2 good and 3 defective test images with masks."""
    for folder in ("train/good", "test/good", "test/blob", "ground_truth/blob"):
        (tmp_path / "plate" / folder).mkdir(parents=True)
    part(1).image.save(tmp_path / "plate" / "train" / "good" / "0.png")
    for index in range(2):
        part(400 + index).image.save(tmp_path / "plate" / "test" / "good" / f"{index}.png")
    for index in range(3):
        drawn = part(410 + index, defective=True)
        drawn.image.save(tmp_path / "plate" / "test" / "blob" / f"{index}.png")
        drawn.mask.save(tmp_path / "plate" / "ground_truth" / "blob" / f"{index}_mask.png")
    return tmp_path / "plate"


def test_the_figures_are_those_of_scikit_learn(fitted, labelled):
    evaluation = evaluate(fitted, labelled)
    images = read_images(labelled).test
    result = fitted.predict(images)
    labels = np.array([record.defective for record in images])
    assert np.array_equal(evaluation.labels, labels)
    assert np.array_equal(evaluation.result.scores, result.scores)
    assert evaluation.image.auroc == roc_auc_score(labels, result.scores)
    assert evaluation.image.average_precision == average_precision_score(labels, result.scores)
    called = np.array(result.verdicts) == "defect"
    assert evaluation.image.true_positives == (called & labels).sum()
    assert evaluation.image.false_positives == (called & ~labels).sum()
    assert evaluation.image.threshold == fitted.threshold_
    assert evaluation.seen == 0
    assert evaluation.notes == ()


def test_the_pixel_figures_are_taken_over_all_pixels_of_the_model_frame(fitted, labelled):
    evaluation = evaluate(fitted, labelled)
    truth = []
    for record in read_images(labelled).test:
        mask = np.zeros((96, 96), dtype=bool) if record.mask is None else decode_mask(record.mask)
        # 96 pixels onto 64: pixel i of the frame has its centre at 1.5 i + 0.75 of the image.
        centres = (1.5 * np.arange(64) + 0.75).astype(int)
        truth.append(mask[np.ix_(centres, centres)])
    expected = roc_auc_score(np.ravel(truth), evaluation.result.maps.ravel())
    assert evaluation.pixel.auroc == pytest.approx(expected, abs=1e-9)
    assert evaluation.pixel.auroc > 0.8
    expected = average_precision_score(np.ravel(truth), evaluation.result.maps.ravel())
    assert evaluation.pixel.average_precision == pytest.approx(expected, abs=1e-9)
    assert evaluation.pixel.regions == 6
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(evaluation.masks, truth, strict=True))


def test_only_the_test_part_is_judged(fitted, labelled):
    names = evaluate(fitted, labelled).result.images.names
    assert len(names) == 12
    assert all(name.startswith("test/") for name in names)


def test_without_splits_all_labelled_images_are_judged_and_without_masks_no_pixel(fitted, good_bad):
    evaluation = evaluate(fitted, good_bad)
    assert evaluation.labels.sum() == 3
    assert len(evaluation.labels) == 6
    assert evaluation.pixel.auroc is evaluation.pixel.aupro is None
    assert evaluation.notes == ()


def test_images_of_the_training_set_are_counted_under_any_name_and_folder(fitted, unsorted, good_bad):
    (good_bad / "good" / "other_name.png").write_bytes((unsorted / "part_03.png").read_bytes())
    evaluation = evaluate(fitted, good_bad)
    assert evaluation.seen == 1
    assert evaluation.notes[0] == (
        "1 of the 7 images were in the training set: these figures flatter the model"
    )


def test_nothing_labelled_is_an_error_that_says_how_to_label(fitted, unsorted):
    with pytest.raises(
        ImagesError, match=r"line7 \(read as layout 'folder'\) has no labelled test images.*test/good"
    ):
        evaluate(fitted, unsorted)


def test_one_class_only_leaves_ranking_undefined_and_says_why(fitted, masked):
    only_good = read_images(masked).where(lambda record: record.defective is False)
    evaluation = evaluate(fitted, only_good)
    assert evaluation.image.auroc is None
    assert evaluation.image.undefined["auroc"] == "there is no defective image"
    assert evaluation.pixel.auroc is None


def test_a_missing_mask_leaves_its_image_out_of_the_pixels_and_is_noted(fitted, masked):
    (masked / "ground_truth" / "blob" / "1_mask.png").unlink()
    evaluation = evaluate(fitted, masked)
    unmasked = evaluation.result.images.names.index("test/blob/1.png")
    assert evaluation.masks[unmasked] is None
    assert evaluation.notes == ("1 defective images have no mask and are left out of the pixel figures",)
    rest = [index for index in range(5) if index != unmasked]
    truth = np.stack([evaluation.masks[index] for index in rest])
    assert evaluation.pixel.auroc == pytest.approx(
        roc_auc_score(truth.ravel(), evaluation.result.maps[rest].ravel())
    )
    assert evaluation.image.defective == 3


def test_a_broken_mask_is_named_and_costs_only_its_image_s_pixels(fitted, masked):
    (masked / "ground_truth" / "blob" / "0_mask.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    evaluation = evaluate(fitted, masked)
    assert evaluation.masks[evaluation.result.images.names.index("test/blob/0.png")] is None
    (note,) = evaluation.notes
    assert "0_mask.png" in note
    assert "left out of the pixel figures" in note
    assert evaluation.pixel.auroc is not None


def test_a_defect_outside_the_centre_crop_is_noted(masked, unsorted):
    model = SoftPatch(image_size=64, crop=32).fit(unsorted)
    mask = np.zeros((96, 96), dtype=bool)
    mask[:10, :10] = True
    Image.fromarray(mask).save(masked / "ground_truth" / "blob" / "2_mask.png")
    evaluation = evaluate(model, masked)
    assert evaluation.notes == (
        "1 defective images have their whole defect outside the part that the model sees (the centre crop); "
        "fit with --crop none to inspect whole images",
    )


def test_a_defect_too_thin_for_the_frame_is_noted_as_such(fitted, masked):
    # 96 pixels onto 64: the second of every three is no centre.
    mask = np.zeros((96, 96), dtype=bool)
    mask[40, 10:80] = True
    Image.fromarray(mask).save(masked / "ground_truth" / "blob" / "2_mask.png")
    evaluation = evaluate(fitted, masked)
    (note,) = evaluation.notes
    assert note.startswith("1 defective images have a defect too thin for the model frame")
    assert not evaluation.masks[evaluation.result.images.names.index("test/blob/2.png")].any()


def test_broken_images_are_skipped_or_stop_the_run_when_strict(fitted, masked):
    (masked / "test" / "good" / "broken.png").write_bytes(b"no image")
    evaluation = evaluate(fitted, masked)
    assert [skip.name for skip in evaluation.result.skipped] == ["test/good/broken.png"]
    assert len(evaluation.labels) == 5
    with pytest.raises(BrokenImageError, match=r"broken\.png"):
        evaluate(fitted, masked, strict=True)
