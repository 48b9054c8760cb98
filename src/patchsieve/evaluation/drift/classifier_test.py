"""Can a simple classifier tell today's images from those of training, a few defective ones set aside?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patchsieve.evaluation.drift.rank_test import Outcome, left_out

Matrix = npt.NDArray[np.float64]

# Of the variance of a channel, which is 1; of a model for few images with many channels.
_RIDGE = 0.3
# Labels times images that are worked on at a time: some 100 MiB.
_AT_ONCE = 2_000_000
_NOTHING = 1e-9
# From so many shuffles on, a p-value this large is known well enough.
_FIRST = 200
_CLEARLY_NOTHING = 0.3


def classifier_test(
    training: npt.NDArray[np.floating],
    today: npt.NDArray[np.floating],
    tolerated: float,
    *,
    permutations: int = 4999,
    seed: int = 0,
) -> Outcome:
    """Test whether two sets of vectors differ in any way that a linear classifier can see.

    A ridge classifier learns to tell today's vectors from training's; each vector is judged by the classifier that
    was learnt without it. As in `rank_test`, the share `tolerated` of today's images, those most unlike training in
    its eyes, is left out, and the effect is the chance that one of the rest looks more like today than a vector of
    training does. Then the labels are shuffled, many times, and everything but the scale of the channels is done anew.
    A shuffled set without defects loses good images to what is left out, and its effect lies below 0.5; had it as many
    defects, it would lose these. So the effects of the shuffles are moved up until their mean is 0.5, and the p-value
    is the share of them that reaches the true labels' effect, the true labels counted among them.

    Leaving one out and shuffling cost one decomposition in all: the predictions of a ridge regression are a matrix
    times the labels, and that matrix knows of no labels.

    Args:
        training: `[N, C]`.
        today: `[M, C]`.
        tolerated: share of today's images that may be defective, 0 <= tolerated < 1.
        permutations: number of shuffles, fewer where the p-value is clearly large; the smallest possible p-value is
            1 / (permutations + 1).
        seed: of the shuffles.

    References:
        Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017. Phipson and Smyth, "Permutation
        p-values should never be zero", Statistical Applications in Genetics and Molecular Biology 9, 2010.
    """
    judge = LeftOut.of(np.concatenate([training, today]).astype(np.float64))
    labels = np.concatenate([np.zeros(len(training)), np.ones(len(today))])
    kept = len(today) - left_out(len(today), tolerated)
    effect = float(_effects(judge, labels[:, None], kept)[0])
    rng = np.random.default_rng(seed)
    by_chance = np.empty(0)
    p_value = 1.0
    while len(by_chance) < permutations:
        count = min(
            permutations - len(by_chance), max(_FIRST, len(by_chance)), max(1, _AT_ONCE // len(labels))
        )
        shuffled = rng.permuted(np.broadcast_to(labels[:, None], (len(labels), count)), axis=0)
        by_chance = np.concatenate([by_chance, _effects(judge, shuffled, kept)])
        raised = by_chance + max(0.0, 0.5 - by_chance.mean())
        p_value = float(1 + np.sum(raised >= effect - _NOTHING)) / (len(by_chance) + 1)
        if p_value > _CLEARLY_NOTHING:
            break
    return Outcome(p_value, effect)


def left_out_predictions(
    training: npt.NDArray[np.floating], today: npt.NDArray[np.floating]
) -> tuple[Matrix, Matrix]:
    """Return what the classifier says of each vector that it was learnt without: about 0 for training, 1 for today.

    Args:
        training: `[N, C]`.
        today: `[M, C]`.

    Returns:
        float64 `[N]` and `[M]`.
    """
    labels = np.concatenate([np.zeros(len(training)), np.ones(len(today))])
    found = LeftOut.of(np.concatenate([training, today]).astype(np.float64))(labels[:, None])[:, 0]
    return found[: len(training)], found[len(training) :]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions of ridge regressions, each without the one row that it predicts.

    Attributes:
        axes: `[N, R]`, orthonormal, of the standardised rows.
        shrunk: `[R]`, what the ridge leaves of each axis.
        own: `[N]`, each row's weight in its own prediction.
    """

    axes: Matrix
    shrunk: Matrix
    own: Matrix

    @classmethod
    def of(cls, rows: Matrix) -> "LeftOut":
        """Prepare for rows `[N, C]`: channels are brought to mean 0 and variance 1; those that are constant go."""
        spread = rows.std(axis=0)
        varying = spread > _NOTHING * np.maximum(1.0, np.abs(rows).max(axis=0, initial=0.0))
        scaled = (rows - rows.mean(axis=0))[:, varying] / spread[varying]
        axes, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
        shrunk = lengths**2 / (lengths**2 + _RIDGE * len(rows))
        # The intercept, which no ridge pulls, has the same weight of every row.
        return cls(axes, shrunk, (axes**2) @ shrunk + 1 / len(rows))

    def __call__(self, labels: Matrix) -> Matrix:
        """Return the predictions of labels `[N, L]`, each column for itself."""
        fitted = self.axes @ (self.shrunk[:, None] * (self.axes.T @ labels)) + labels.mean(axis=0)
        own = self.own[:, None]
        predicted: Matrix = (fitted - own * labels) / np.maximum(1 - own, _NOTHING)
        return predicted


def _effects(judge: LeftOut, labels: Matrix, kept: int) -> Matrix:
    """Return for each column of labels, 1 for today, the effect of the `kept` of today most like training."""
    # Rounding shall not order what is alike. Rows are sorted faster than columns.
    predicted = np.ascontiguousarray(judge(labels).T).round(9)
    today = np.take_along_axis(labels.T, np.argsort(predicted, axis=1, kind="stable"), axis=1)
    beaten = np.cumsum(1 - today, axis=1)
    counted = today * (np.cumsum(today, axis=1) <= kept)
    effects: Matrix = (beaten * counted).sum(axis=1) / (kept * (1 - labels).sum(axis=0))
    return effects
