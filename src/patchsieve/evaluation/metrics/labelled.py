"""Labels and scores as every metric of images takes them."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | npt.NDArray[np.bool_]
Mask = npt.NDArray[np.bool_]


def checked(labels: Labels, scores: Floats) -> tuple[Mask, npt.NDArray[np.float64]]:
    """Return labels as bool `[N]` and scores as float64 `[N]`.

    Raises:
        ValueError: lengths differ, a label is neither 0 nor 1, or a score is not finite.
    """
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be vectors of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (good) or 1 (defective)")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    # Widened once, so that a threshold half-way between two float32 scores exists.
    return labels.astype(np.bool_), scores.astype(np.float64)


def ratio(part: float, whole: float) -> float | None:
    """Return the share that a part is of a whole; None where there is nothing to have a share of."""
    return part / whole if whole else None
