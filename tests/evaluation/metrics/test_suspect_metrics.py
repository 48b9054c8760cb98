import numpy as np
import pytest

from patchsieve.evaluation import outlier_auroc, precision_at_n


def test_precision_at_n_worked_out_by_hand() -> None:
    truth = np.array([1, 0, 1, 0, 1])
    scores = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    assert precision_at_n(truth, scores) == pytest.approx(2 / 3)
    assert precision_at_n(truth, scores, 1) == 1.0
    assert precision_at_n(truth, scores, 5) == pytest.approx(3 / 5)
    assert precision_at_n(np.zeros(2, int), np.arange(2.0)) is None
    with pytest.raises(ValueError, match="6 suspects asked of 5 images"):
        precision_at_n(truth, scores, 6)


def test_outlier_auroc_is_the_share_of_pairs_in_order() -> None:
    truth, scores = np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 3.0])
    # The pairs: 2 beats 1, 2 loses to 3, 3 beats 1, 3 ties with 3.
    assert outlier_auroc(truth, scores) == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    assert outlier_auroc(np.zeros(2, int), np.arange(2.0)) is None
