"""From labelled images that the model was not fitted on to a threshold for a purpose."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from patchsieve.decisions.costs import Costs
from patchsieve.decisions.intervals import CONFIDENCE, clopper_pearson
from patchsieve.errors import ConfigError, ImagesError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Goal = Literal["recall", "precision", "f1", "youden", "cost", "profile"]

# Least recall and least precision of each deployment profile; both must be exceeded.
PROFILES = {"screening": (0.95, 0.0), "final": (0.80, 0.90), "critical": (0.99, 0.0)}
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a threshold shall do.

    Attributes:
        goal: "recall" or "precision" for at least `target` of it, and the best of the other; "f1" or "youden" for the
            highest; "cost" for the lowest mean cost per part; "profile" for recall and precision above both ends of
            `PROFILES`.
        target: share between 0 and 1, of recall and precision.
        profile: a key of `PROFILES`.
        miss: cost of a defective part that passes.
        false_alarm: cost of a good part that is stopped.
        prevalence: share of defective parts on the line.
    """

    goal: Goal
    target: float | None = None
    profile: str | None = None
    miss: float = 1.0
    false_alarm: float = 1.0
    prevalence: float = 0.5

    def __post_init__(self) -> None:
        if self.goal in ("recall", "precision") and not (self.target is not None and 0 < self.target <= 1):
            raise ConfigError(
                f"{self.goal} is {self.target}: it must be above 0 and at most 1, such as 0.95 for 95 %"
            )
        if self.goal == "profile" and self.profile not in PROFILES:
            raise ConfigError(f"there is no profile {self.profile!r}; choose one of {', '.join(PROFILES)}")
        if not (self.miss > 0 and self.false_alarm > 0 and max(self.miss, self.false_alarm) < float("inf")):
            raise ConfigError("the costs of a miss and of a false alarm must be numbers above 0")
        if not 0 < self.prevalence < 1:
            raise ConfigError(
                f"prevalence is {self.prevalence}: the share of defective parts must lie between 0 and 1"
            )

    @property
    def rule(self) -> str:
        """The purpose as the command line writes it."""
        if self.goal == "cost":
            return f"cost miss={self.miss:g},false_alarm={self.false_alarm:g},prevalence={self.prevalence:g}"
        if self.goal == "profile":
            recall, precision = PROFILES[str(self.profile)]
            return f"profile {self.profile}: recall > {recall:g}" + (
                f", precision > {precision:g}" if precision else ""
            )
        return self.goal if self.target is None else f"{self.goal} >= {self.target:g}"


@dataclass(frozen=True)
class LabelledThreshold:
    """A threshold chosen on labelled images.

    Attributes:
        threshold: on the scale of the scores.
        reached: whether the purpose is reached on these images; else it is the best that can be.
        costs: what it costs, judged by cross-validation: each image by the threshold of the others.
        notes: what the user must know, in sentences.
    """

    threshold: float
    reached: bool
    costs: Costs
    notes: tuple[str, ...] = field(default=())


def labelled_threshold(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    purpose: Purpose,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> LabelledThreshold:
    """Choose the threshold for a purpose.

    It lies half-way between two neighbouring scores. What it costs is counted by cross-validation in five parts, with
    as many defective images in each: a threshold judged by the images that it was chosen on flatters itself.

    Args:
        labels: `[N]`, true or 1 for defective; both kinds, of images that the model was not fitted on.
        scores: `[N]`.
        purpose: what the threshold shall do.
        confidence: of the intervals.
        seed: of the split.

    Raises:
        ImagesError: one of the two kinds of images is missing.
    """
    truth = np.asarray(labels).astype(bool)
    values = np.asarray(scores, dtype=np.float64)
    if truth.all() or not truth.any():
        raise ImagesError(
            f"the labelled images are {int(truth.sum())} defective and {int((~truth).sum())} good ones: "
            "both kinds are needed to choose a threshold"
        )
    threshold, reached = _chosen(truth, values, purpose)
    notes = _notes(truth, purpose, reached)
    folds = min(_FOLDS, int(truth.sum()), int((~truth).sum()))
    if folds < 2:
        notes.append(
            "one image of a kind is too few to judge the threshold by others: its costs are flattered"
        )
        alarms = values > threshold
    else:
        alarms = _held_out(truth, values, purpose, folds, seed)
    return LabelledThreshold(threshold, reached, Costs.of(truth, alarms, confidence), tuple(notes))


def _held_out(truth: Bools, values: Floats, purpose: Purpose, folds: int, seed: int) -> Bools:
    """Judge each image by the threshold that the other parts give."""
    part = np.empty(len(truth), dtype=np.int64)
    rng = np.random.default_rng(seed)
    for kind in (truth, ~truth):
        part[rng.permutation(np.flatnonzero(kind))] = np.arange(int(kind.sum())) % folds
    alarms = np.zeros(len(truth), dtype=bool)
    for fold in range(folds):
        held = part == fold
        alarms[held] = values[held] > _chosen(truth[~held], values[~held], purpose)[0]
    return alarms


def _chosen(truth: Bools, values: Floats, purpose: Purpose) -> tuple[float, bool]:
    thresholds = _candidates(values)
    bad, good = np.sort(values[truth]), np.sort(values[~truth])
    found = len(bad) - np.searchsorted(bad, thresholds, side="right")
    alarms = len(good) - np.searchsorted(good, thresholds, side="right")
    recall, false_alarm_rate = found / len(bad), alarms / len(good)
    # Without an alarm no alarm is wrong, but none is right either: it counts as no precision.
    precision = found / np.maximum(found + alarms, 1)
    f1 = 2 * found / (found + alarms + len(bad))
    match purpose.goal:
        case "recall":
            return _best(thresholds, -false_alarm_rate, recall >= _least(purpose), recall)
        case "precision":
            return _best(thresholds, recall, precision >= _least(purpose), precision)
        case "f1":
            return _best(thresholds, f1)
        case "youden":
            return _best(thresholds, recall - false_alarm_rate)
        case "cost":
            missed = purpose.prevalence * purpose.miss * (1 - recall)
            stopped = (1 - purpose.prevalence) * purpose.false_alarm * false_alarm_rate
            return _best(thresholds, -(missed + stopped))
        case "profile":
            least_recall, least_precision = PROFILES[str(purpose.profile)]
            enough = (recall > least_recall) & (precision > least_precision)
            near = np.minimum(recall / least_recall, precision / (least_precision or 1e-9))
            merit = f1 if least_precision else -false_alarm_rate
            return _best(thresholds, merit, enough, near)


def _least(purpose: Purpose) -> float:
    assert purpose.target is not None, "checked when it was made"
    return purpose.target


def _candidates(values: Floats) -> Floats:
    """Return one threshold below all scores, one between any two neighbours, and the highest score."""
    distinct = np.unique(values)
    between = distinct[:-1] + (distinct[1:] - distinct[:-1]) / 2
    return np.concatenate([[np.nextafter(distinct[0], -np.inf)], between, distinct[-1:]])


def _best(
    thresholds: Floats, merit: Floats, enough: Bools | None = None, near: Floats | None = None
) -> tuple[float, bool]:
    """Return the threshold of the highest merit among those that do enough, else the nearest to enough.

    Of equal ones it is the highest, which raises the fewest alarms.
    """
    if enough is None:
        return float(thresholds[np.flatnonzero(merit == merit.max())[-1]]), True
    if enough.any():
        best = merit[enough].max()
        return float(thresholds[np.flatnonzero(enough & (merit == best))[-1]]), True
    assert near is not None, "what can be missed has a measure of how nearly it is reached"
    return float(thresholds[np.flatnonzero(near == near.max())[-1]]), False


def _notes(truth: Bools, purpose: Purpose, reached: bool) -> list[str]:
    notes = []
    if not reached:
        notes.append(
            f"no threshold reaches {purpose.rule} on these images: this is the nearest that can be had"
        )
    defective = int(truth.sum())
    wanted = PROFILES[str(purpose.profile)][0] if purpose.goal == "profile" else purpose.target
    if purpose.goal in ("recall", "profile") and wanted is not None:
        shown = 1 - clopper_pearson(0, defective)[1]
        if shown < wanted:
            notes.append(
                f"{defective} defective images cannot show a recall of {100 * wanted:g} %: even if none is missed, the "
                f"true recall may be {100 * shown:.3g} %"
            )
    if purpose.goal in ("precision", "f1") or purpose.profile == "final":
        notes.append(
            f"precision and F1 hold for the {100 * truth.mean():.3g} % of defective images among these; where fewer "
            "parts are defective, more of the alarms are false"
        )
    return notes
