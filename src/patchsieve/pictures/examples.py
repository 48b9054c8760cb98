"""Which of many test images a person should look at first."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]


def worst_and_best(
    labels: Labels, scores: Floats, threshold: float, count: int
) -> tuple[list[int], list[int]]:
    """Choose the images whose scores contradict their labels most, and those where they agree best.

    How right the model is about an image is how far the score lies on the proper side of the threshold.

    Args:
        labels: 0 good, 1 defective `[N]`.
        scores: anomaly scores `[N]`.
        threshold: the operating point.
        count: how many of each to choose; fewer where there are not enough images for both.

    Returns:
        Indices of the worst, worst first, whatever their class; and of the best, from both classes in turn
        (good, defective, good, ...) as long as there are both, so that they show what either looks like. No
        image is in both lists.
    """
    truth = np.asarray(labels).astype(bool)
    margins = np.where(truth, scores - threshold, threshold - scores)
    worst = np.argsort(margins, kind="stable")[: min(count, len(margins) // 2)]
    rest = np.setdiff1d(np.arange(len(margins)), worst)
    best_first = rest[np.argsort(-margins[rest], kind="stable")]
    sides = (best_first[~truth[best_first]], best_first[truth[best_first]])
    turns = {int(index): (turn, side) for side in (0, 1) for turn, index in enumerate(sides[side])}
    return worst.tolist(), sorted(turns, key=turns.__getitem__)[:count]
