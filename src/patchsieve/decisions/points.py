"""The named operating points of a model."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

import numpy.typing as npt

from patchsieve.decisions.false_alarms import FalseAlarmThreshold, ScoreTail
from patchsieve.decisions.labelled import LabelledThreshold, Purpose
from patchsieve.errors import ConfigError

# The point that a fit makes.
FITTED = "default"


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold chosen for a purpose, and what speaks for it.

    Attributes:
        name: what it is called by.
        threshold: an image with a higher score is called defective.
        rule: how the threshold was chosen, as the command line writes it, such as ``false-alarms 0.005``.
        false_alarms: the false-alarm rate asked for, where the threshold follows from the training scores.
        clean: whether the training images were said to be clean.
        evidence: what is known of it, JSON-able: the fields of `FalseAlarmThreshold` or of `LabelledThreshold`.
        words: the evidence in sentences.
    """

    name: str
    threshold: float
    rule: str
    false_alarms: float | None = None
    clean: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.name.strip() or self.name != self.name.strip():
            raise ConfigError(
                f"{self.name!r} is no name for an operating point: use a word such as screening"
            )
        if not isfinite(self.threshold):
            raise ConfigError(f"the threshold of {self.name} is {self.threshold}: it must be a number")

    @classmethod
    def for_false_alarms(
        cls,
        name: str,
        scores: npt.ArrayLike,
        rate: float,
        *,
        clean: bool = False,
        doubted: npt.ArrayLike | None = None,
    ) -> "OperatingPoint":
        """Make a point from the out-of-sample training scores `[N]`; see `ScoreTail.of`."""
        found = ScoreTail.of(scores, clean=clean, doubted=doubted).threshold(rate)
        rule = f"false-alarms {rate:g}{', clean' if clean else ''}"
        return cls(name, found.threshold, rule, rate, clean, asdict(found), _said(found, clean))

    @classmethod
    def for_purpose(cls, name: str, purpose: Purpose, found: LabelledThreshold) -> "OperatingPoint":
        """Make a point from what labelled images gave."""
        return cls(
            name,
            found.threshold,
            purpose.rule,
            evidence=asdict(found),
            words=(f"{found.costs.in_words}, judged by cross-validation", *found.notes),
        )

    @classmethod
    def at(cls, name: str, value: float) -> "OperatingPoint":
        """Make a point of a threshold that the user gives."""
        return cls(
            name, value, f"value {value:g}", words=("given by the user; nothing is known of what it costs",)
        )

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> "OperatingPoint":
        """Rebuild a point from JSON."""
        return cls(**{**kept, "words": tuple(kept["words"])})


@dataclass(frozen=True)
class OperatingPoints:
    """The operating points of a model, by their names.

    Attributes:
        points: at least one, in the order in which they were made, each name once.
        default: name of the one that verdicts follow unless another is asked for.
    """

    points: tuple[OperatingPoint, ...]
    default: str

    @classmethod
    def only(cls, point: OperatingPoint) -> "OperatingPoints":
        """Return the points of a model that has one."""
        return cls((point,), point.name)

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> "OperatingPoints":
        """Rebuild the points from the header of a model file; older files have one threshold and nothing else."""
        if "operating_points" not in kept:
            return cls.only(
                OperatingPoint(FITTED, float(kept["threshold"]), "by the PatchSieve that fitted the model")
            )
        points = kept["operating_points"]
        return cls(tuple(OperatingPoint.restored(point) for point in points["points"]), points["default"])

    def header(self) -> dict[str, Any]:
        """Return what belongs into the header of a model file."""
        return {"points": [asdict(point) for point in self.points], "default": self.default}

    def __iter__(self) -> Iterator[OperatingPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, name: str | None) -> OperatingPoint:
        """Return the point of a name, None for the default.

        Raises:
            ConfigError: there is none of that name.
        """
        for point in self.points:
            if point.name == (name or self.default):
                return point
        raise ConfigError(
            f"the model has no operating point {name!r}; it has {', '.join(point.name for point in self.points)}. "
            "patchsieve threshold makes new ones"
        )

    def with_point(self, point: OperatingPoint) -> "OperatingPoints":
        """Return the points with one more, or with one replaced where the name is taken."""
        if any(point.name == other.name for other in self.points):
            points = tuple(point if point.name == other.name else other for other in self.points)
            return replace(self, points=points)
        return replace(self, points=(*self.points, point))

    def using(self, name: str) -> "OperatingPoints":
        """Return the points with another default. Raises `ConfigError` where there is none of that name."""
        return replace(self, default=self[name].name)

    def recalibrated(self, scores: npt.ArrayLike, doubted: npt.ArrayLike | None = None) -> "OperatingPoints":
        """Return the points after the model changed: those that follow from training scores are found again.

        Args:
            scores: out-of-sample training scores `[N]` of the model as it is now.
            doubted: see `ScoreTail.of`.
        """
        return replace(
            self,
            points=tuple(
                point
                if point.false_alarms is None
                else OperatingPoint.for_false_alarms(
                    point.name, scores, point.false_alarms, clean=point.clean, doubted=doubted
                )
                for point in self.points
            ),
        )


def _said(found: FalseAlarmThreshold, clean: bool) -> tuple[str, ...]:
    good = (
        "all of them good, as you said"
        if clean
        else (
            f"{100 * found.contamination:.2g} % of them taken for defective"
            if found.contamination
            else "none of them clearly defective by its score"
        )
    )
    sure = "" if clean else "; the lower end is 0 since those above it may be defects that nobody has removed"
    return (
        f"{100 * found.low:.2g} to {100 * found.high:.2g} % of good images will be above it "
        f"({100 * found.confidence:.0f} % interval), {100 * found.asked:.3g} % were asked for{sure}",
        f"from the scores of {found.images} training images, {good}; found by {found.method}",
        *found.warnings,
    )
