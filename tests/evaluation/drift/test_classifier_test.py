"""The classifier's test: leaving one out against fitting again, shuffles against plain enumeration."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from patchsieve.evaluation.drift.classifier_test import _RIDGE, LeftOut, classifier_test

Matrix = npt.NDArray[np.float64]


def refitted(rows: Matrix, labels: Matrix) -> Matrix:
    """Return the prediction of each row by a ridge regression that is fitted on all others."""
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    found = []
    for index in range(len(rows)):
        others = np.arange(len(rows)) != index
        model = Ridge(alpha=_RIDGE * len(rows)).fit(scaled[others], labels[others])
        found.append(model.predict(scaled[index : index + 1])[0])
    return np.array(found)


def effect_of(predictions: Matrix, today: Matrix, left_out: int) -> float:
    """Return the effect by counting pairs."""
    rest = sorted(predictions[today == 1])[: int(today.sum()) - left_out]
    return float(np.mean([value > other for value in rest for other in predictions[today == 0]]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.integers(4, 12), st.integers(1, 20))
def test_leaving_one_out_is_fitting_again(seed: int, images: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    rows, labels = rng.normal(size=(images, channels)), rng.integers(0, 2, images).astype(float)
    np.testing.assert_allclose(
        LeftOut.of(rows)(labels[:, None])[:, 0], refitted(rows, labels), rtol=1e-6, atol=1e-8
    )


def test_shuffles_are_plain_enumeration() -> None:
    rng = np.random.default_rng(5)
    training, today = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)) + 1.5
    rows = np.concatenate([training, today])
    effects = []
    for chosen in combinations(range(10), 5):
        labels = np.zeros(10)
        labels[list(chosen)] = 1
        effects.append(effect_of(refitted(rows, labels), labels, 1))
    observed = effect_of(refitted(rows, np.repeat([0.0, 1.0], 5)), np.repeat([0.0, 1.0], 5), 1)
    found = classifier_test(training, today, 0.2, permutations=9999)
    assert found.effect == pytest.approx(observed)
    raised = np.array(effects) + 0.5 - np.mean(effects)
    exact = np.mean(raised >= observed - 1e-9)
    assert np.mean(effects) < 0.5
    assert 0.005 < exact < 0.2
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))


def test_p_values_of_equal_sets_are_even_or_larger() -> None:
    rng = np.random.default_rng(0)
    found = [
        [
            classifier_test(training, today, tolerated, permutations=99).p_value
            for training, today in ((rng.normal(size=(30, 8)), rng.normal(size=(12, 8))) for _ in range(100))
        ]
        for tolerated in (0.0, 0.2)
    ]
    assert np.mean(np.array(found[0]) <= 0.1) <= 0.2
    assert np.mean(found[0]) == pytest.approx(0.55, abs=0.12)
    assert np.mean(np.array(found[1]) <= 0.1) <= 0.1


def test_a_few_outliers_are_no_drift_and_a_shift_along_one_axis_is() -> None:
    rng = np.random.default_rng(1)
    training, today = rng.normal(size=(200, 10)), rng.normal(size=(40, 10))
    shifted, spoilt = today.copy(), today.copy()
    shifted[:, 3] += 2
    spoilt[:8] += 10
    assert classifier_test(training, spoilt, 0.2, permutations=999).p_value > 0.1
    found = classifier_test(training, shifted, 0.2, permutations=999)
    assert found.p_value == 1 / 1000
    assert found.effect > 0.75


def test_it_is_seeded_and_takes_constant_channels_and_twins() -> None:
    rng = np.random.default_rng(2)
    training, today = rng.normal(size=(20, 4)).astype(np.float16), rng.normal(size=(8, 4)).astype(np.float16)
    once, again = (classifier_test(training, today, 0.2, permutations=200, seed=3) for _ in range(2))
    assert once == again
    same = classifier_test(np.ones((6, 3)), np.ones((5, 3)), 0.2, permutations=50)
    assert same.p_value == 1.0
