"""Where the user wants the line between good and defective to be drawn."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from patchsieve.decisions import false_alarm_threshold
from patchsieve.errors import ConfigError, ImagesError

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

SOURCE_PERCENTILE = 90


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How a threshold comes about.

    Attributes:
        kind: "calibrated" for the model's own threshold, estimated without labels; "value" for a number that the user
            gives; "quantile" for a quantile of the good training images' out-of-sample scores; "source" for the
            course project's own rule, the 90th percentile of the test scores.
        value: the number or the quantile; None for the other kinds.
    """

    kind: Literal["calibrated", "value", "quantile", "source"] = "calibrated"
    value: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "calibrated", "source", a number such as "31.5", or "quantile:0.99".

        Raises:
            ConfigError: it is none of these.
        """
        name, colon, number = text.strip().partition(":")
        if text.strip() == "calibrated":
            return cls("calibrated")
        if text.strip() == "source":
            return cls("source")
        if not colon and (value := _number(name)) is not None:
            return cls("value", value)
        if name == "quantile" and (value := _number(number)) is not None and 0 < value < 1:
            return cls("quantile", value)
        raise ConfigError(
            f"the threshold {text!r} is none of calibrated, a score such as 31.5, quantile:0.99 (a share between "
            "0 and 1), or source"
        )

    @property
    def meaning(self) -> str:
        """What the rule does, in words for the reader of its verdicts."""
        match self.kind:
            case "value":
                return f"a score above {self.value:g}, as given, is called a defect"
            case "quantile":
                return f"the threshold lets {self.value:.4g} of the good training images pass, scored out of sample"
            case "source":
                return (
                    f"the threshold is the {SOURCE_PERCENTILE}th percentile of the test scores themselves: it calls "
                    f"{100 - SOURCE_PERCENTILE} % of the test images defective, however many are"
                )
        return "the threshold is the model's own, estimated from out-of-sample training scores without labels"

    def threshold(self, scores: Floats, good: Bools, test_scores: Floats, false_alarms: float) -> float:
        """Return the threshold.

        Args:
            scores: out-of-sample scores `[N]` of the images that the model was fitted on.
            good: bool `[N]`, which of them are labelled good.
            test_scores: scores `[M]` of the unlabelled images.
            false_alarms: rate of the model's own calibration.

        Raises:
            ImagesError: there are no scores of the kind that the rule needs.
        """
        match self.kind:
            case "value":
                assert self.value is not None
                return self.value
            case "source":
                if not len(test_scores):
                    raise ImagesError(
                        "the threshold rule source needs test images: it is made of their scores"
                    )
                return float(np.percentile(test_scores, SOURCE_PERCENTILE))
            case "quantile":
                if not good.any():
                    raise ImagesError("there are too few good training images for a quantile of their scores")
                assert self.value is not None
                # A score itself: in between two, more than the share asked for could lie above.
                return float(np.quantile(scores[good].astype(np.float64), self.value, method="higher"))
        return false_alarm_threshold(scores, false_alarms).threshold

    def held_out(
        self, scores: Floats, good: Bools, test_scores: Floats, false_alarms: float, folds: int, seed: int
    ) -> npt.NDArray[np.float64]:
        """Return for each image a threshold that its own score had no part in.

        The images are split into the folds of the cross-fitting that scored them; the threshold for the images of
        one fold comes from the scores of the others.

        Args:
            scores: as for `threshold`.
            good: as for `threshold`.
            test_scores: as for `threshold`.
            false_alarms: as for `threshold`.
            folds: number of folds.
            seed: of the split.

        Returns:
            float64 `[N]`.
        """
        images = len(scores)
        thresholds = np.empty(images)
        order = np.random.default_rng(seed).permutation(images)
        for fold in np.array_split(order, min(folds, images)):
            rest = np.setdiff1d(order, fold)
            thresholds[fold] = self.threshold(scores[rest], good[rest], test_scores, false_alarms)
        return thresholds


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None
