import dataclasses
from datetime import timedelta

import numpy as np
import pytest
import yaml

from patchsieve import PatchCore, SoftPatch, read_images
from patchsieve.decisions import OperatingPoint
from patchsieve.detectors import make_detector
from patchsieve.evaluation import evaluate
from patchsieve.pictures import NextStep, colour_scale, render
from patchsieve.pictures.model_report import configuration, model_report, model_warnings, report_images


@pytest.fixture(scope="module")
def evaluation(fitted, labelled):
    return evaluate(fitted, labelled)


def report(model, **options):
    return model_report(model, title="line7", headline="What came out.", **options)


def test_the_threshold_is_in_the_middle_of_the_colours_and_normal_surface_is_dark(fitted):
    scale = colour_scale(fitted)
    training = fitted.training_
    assert fitted.threshold_ > np.median(training.scores)
    calm = training.patch_maps.numpy()[training.scores <= fitted.threshold_]
    assert np.mean(calm <= scale.low) == pytest.approx(0.9, abs=0.01)
    assert fitted.threshold_ - scale.low == pytest.approx(scale.high - fitted.threshold_)


def test_the_configuration_builds_the_same_detector_with_its_layers_spelt_out(fitted):
    settings = yaml.safe_load(configuration(fitted))
    again = make_detector(settings.pop("detector"), settings)
    wanted = fitted.get_params() | {"layers": tuple(fitted.extractor_.backbone.layers)}
    assert again.get_params() == wanted


def test_a_report_of_a_fit_shows_what_was_learnt_and_judges_nothing(fitted):
    step = NextStep("Look.", "patchsieve suspects line7.sieve")
    page = report(fitted, next_steps=[step])
    assert page.next_steps == (step,)
    assert np.array_equal(page.training_scores, fitted.training_.scores)
    assert page.threshold == fitted.threshold_
    assert page.config == configuration(fitted)
    assert page.timings == fitted.timings_
    assert {"python", "patchsieve", "torch"} <= set(page.versions)
    assert page.created.utcoffset() is not None
    assert abs(page.created - page.created.now().astimezone()) < timedelta(minutes=1)
    assert page.test_scores is page.image_metrics is page.pixel_metrics is None
    assert page.worst == page.best == ()


def test_a_report_names_all_operating_points_and_what_is_known_of_the_one_in_use(fitted):
    model = SoftPatch(**fitted.get_params())
    vars(model).update(vars(fitted))
    model.operate(fitted.operating_points_.with_point(OperatingPoint.at("mine", 12.5)))
    facts = dict(report(model).facts)
    assert facts["Operating point mine"] == "12.5 (value 12.5)"
    assert "1 % were asked for" in facts["What is known of the threshold"]
    assert f"{len(fitted.training_.images)} training images" in facts["What is known of the threshold"]


def test_the_suspects_stand_worst_first_with_the_defective_images_on_top(fitted):
    suspects = report(fitted).suspects
    scores = [suspect.score for suspect in suspects]
    assert scores == sorted(scores, reverse=True)
    assert len(suspects) == max(6, int((fitted.training_.scores > fitted.threshold_).sum()))
    assert {suspect.name for suspect in suspects[:4]} == {f"part_{index}.png" for index in (24, 25, 26, 27)}


def test_a_report_shows_no_more_than_twenty_suspects(fitted):
    alarmed = SoftPatch(**fitted.get_params())
    vars(alarmed).update(vars(fitted), threshold_=float(fitted.training_.scores.min()) / 2)
    assert len(report(alarmed).suspects) == 20


def test_a_report_of_an_evaluation_adds_the_judgement(fitted, evaluation):
    page = report(fitted, evaluation=evaluation)
    assert page.image_metrics == evaluation.image
    assert page.pixel_metrics == evaluation.pixel
    assert np.array_equal(page.test_scores, evaluation.result.scores)
    assert np.array_equal(page.test_labels, evaluation.labels)
    shown = {image.name for image in (*page.worst, *page.best)}
    assert len(shown) == len(page.worst) + len(page.best) == 12
    assert shown == set(evaluation.result.images.names)
    assert all(image.mask is not None for image in page.best if image.defective)
    assert f"{evaluation.image.auroc:.4f}" in render(page)


def test_what_was_skipped_and_noted_anywhere_is_in_the_report(fitted, labelled, tmp_path):
    root = tmp_path / "plate"
    for folder in ("train/good", "test/good", "test/blob"):
        (root / folder).mkdir(parents=True)
        (root / folder / "0.png").write_bytes((labelled / folder / "part_00.png").read_bytes())
    (root / "test" / "good" / "broken.png").write_bytes(b"")
    (root / "test" / "good" / "seen.png").write_bytes(
        fitted.training_.images[0].path.read_bytes()  # type: ignore[union-attr]
    )
    page = report(fitted, evaluation=evaluate(fitted, root))
    assert [skip.name for skip in page.skipped] == ["test/good/broken.png"]
    assert any("in the training set" in warning for warning in page.warnings)


def test_few_images_and_a_centre_crop_are_warned_of(fitted, unsorted):
    (few,) = model_warnings(fitted)
    assert few.startswith("only 28 training images")
    cropped = SoftPatch(image_size=64, crop=32).fit(unsorted)
    assert any("leaves out the outer 75 %" in warning for warning in model_warnings(cropped))
    whole = SoftPatch(image_size=64, crop=64).fit(unsorted)
    assert len(model_warnings(whole)) == 1


def test_a_model_without_a_sieve_or_from_arrays_is_reported_as_well(part):
    arrays = [np.asarray(part(seed).image) for seed in range(8)]
    model = PatchCore(image_size=64, crop=None).fit(arrays)
    page = report(model)
    assert len(page.suspects) == 6
    assert dict(page.facts)["Detector"] == "patchcore"
    assert "8 from" in dict(page.facts)["Training images"]
    assert render(page)


def test_an_image_that_is_gone_since_is_left_out_and_one_with_a_broken_mask_keeps_its_place(
    fitted, tmp_path, part
):
    drawn = part(500, defective=True)
    for name in ("a.png", "b.png"):
        drawn.image.save(tmp_path / name)
    (tmp_path / "mask.png").write_bytes(b"broken")
    images = read_images(tmp_path).where(lambda record: record.name != "mask.png")
    masked = [dataclasses.replace(record, mask=tmp_path / "mask.png", defective=True) for record in images]
    result = fitted.predict(images.with_records(masked))
    (tmp_path / "a.png").unlink()
    (shown,) = report_images(result, range(2))
    assert shown.name == "b.png"
    assert shown.mask is None
    assert shown.defective
    assert shown.score == result.scores[1]
