"""What the verdicts of a prediction follow, and when a model has any."""

from typing import TYPE_CHECKING, Any

from patchsieve.decisions import review_band
from patchsieve.errors import ConfigError

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector


def judgement(model: "Detector", operating_point: str | None, review: float | str | None) -> dict[str, Any]:
    """Return what verdicts follow, as fields of `Result`; see `Detector.predict` for the arguments.

    Raises:
        ConfigError: the model is not fitted, or has no such operating point or review.
    """
    require_fitted(model)
    if operating_point is None and review is None:
        return {"threshold": model.threshold_}
    require_calibrated(model)
    # The attribute itself is the default's, so that a threshold put there by hand counts.
    named = None if operating_point is None else model.operating_points_[operating_point]
    threshold = model.threshold_ if named is None else named.threshold
    band = (
        None
        if review is None
        else review_band(model.training_.scores, threshold, review, model.training_.set_aside)
    )
    return {"threshold": threshold, "review": band}


def require_fitted(model: "Detector") -> None:
    """Raise `ConfigError` where a model has learnt nothing yet."""
    if not hasattr(model, "threshold_"):
        raise ConfigError(f"this {type(model).__name__} is not fitted yet: call fit, or load a model")


def require_calibrated(model: "Detector") -> None:
    """Raise `ConfigError` where a model has no threshold."""
    require_fitted(model)
    if not hasattr(model, "training_"):
        raise ConfigError(
            f"this {type(model).__name__} was fitted to rank only: it has no threshold and knows none of its "
            "training images; use fit"
        )
