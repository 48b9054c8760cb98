"""The pixel threshold that a fit finds: on the scale of the maps, robust, kept in the file, found for old files."""

import numpy as np
import pytest

from patchsieve import PatchCore, load
from patchsieve.bank import read_container, write_container
from patchsieve.decisions import GOOD


def test_three_quarters_of_the_training_maps_stay_below_it(fitted):
    maps = fitted.suspects(len(fitted.training_.images)).maps
    peaks = maps.max(axis=(1, 2))
    assert fitted.pixel_threshold_ == pytest.approx(np.quantile(peaks, 0.75))
    # On the scale of the maps, which are smoothed and lower than the scores.
    assert fitted.pixel_threshold_ < np.quantile(fitted.training_.scores, 0.75)


def test_it_stands_in_the_file_and_is_found_again_for_a_file_without(fitted, model_file, tmp_path):
    tensors, header = read_container(model_file)
    assert header["pixel_threshold"] == fitted.pixel_threshold_
    assert load(model_file).pixel_threshold_ == fitted.pixel_threshold_
    del header["pixel_threshold"]
    write_container(tmp_path / "old.sieve", tensors, header)
    assert load(tmp_path / "old.sieve").pixel_threshold_ == pytest.approx(fitted.pixel_threshold_)


def test_scores_of_another_scale_do_not_move_it(synthetic):
    plain = PatchCore().fit(synthetic(12))
    weighted = PatchCore(reweight_neighbours=3).fit(synthetic(12))
    assert weighted.training_.scores.mean() < plain.training_.scores.mean()
    assert weighted.pixel_threshold_ == plain.pixel_threshold_


def test_an_image_that_is_called_good_has_no_regions(fitted, unsorted):
    result = fitted.predict(str(unsorted))
    assert len(set(result.verdicts)) == 2
    for verdict, regions, anomaly_map in zip(result.verdicts, result.regions(), result.maps, strict=True):
        assert bool(regions) == (verdict != GOOD and bool((anomaly_map > result.pixel_threshold).any()))


def test_a_model_that_only_ranks_outlines_nothing(synthetic):
    model = PatchCore().fit_ranking(synthetic(8))
    assert model.predict(synthetic(3, seed=5)).regions() == ((), (), ())
