"""All tests of one question, corrected for their number, and which of the differences matter."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import ceil, comb

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.drift.classifier_test import classifier_test
from patchsieve.evaluation.drift.rank_test import Outcome, left_out, rank_test
from patchsieve.evaluation.statistics import holm
from patchsieve.images import STATISTICS, Statistic

Floats = npt.NDArray[np.floating]

SCORE = Statistic("score", True, 0.05, "higher", "lower")
LOOK = "look"
# The bank that scored a training image lacks what that image gave to it, so these scores are higher. The distance to a
# nearest neighbour falls with the number n of candidates as n ** (-1 / d) in d dimensions: a third of the candidates
# around, in the fewest dimensions that patch features have, raises it by so much.
_HIGHER = (2 / 3) ** (1 / 5)
_LOWEST_LEVEL = 0.0005
# Over the level: there are at most 19 tests.
_PERMUTATIONS = 25


@dataclass(frozen=True, slots=True)
class Rules:
    """When a difference counts as drift.

    Attributes:
        level: chance of a false alarm in one check, over all its tests together.
        tolerated: share of today's images that may be defective without being taken for drift.
        effect: smallest effect that matters, see `Outcome`; 0.5 is none, 1 every image different.
        seed: of the classifier's permutations.
    """

    level: float = 0.01
    tolerated: float = 0.2
    effect: float = 0.64
    seed: int = 0

    def __post_init__(self) -> None:
        if not _LOWEST_LEVEL <= self.level <= 0.5:
            raise ConfigError(
                f"level is {self.level}: it must lie between {_LOWEST_LEVEL} and 0.5, e.g. 0.01"
            )
        if not 0 <= self.tolerated <= 0.5:
            raise ConfigError(
                f"tolerated is {self.tolerated}: it must lie between 0 and 0.5; where more than half of the images are "
                "defective, nobody can tell defects from drift"
            )
        if not 0.5 <= self.effect < 1:
            raise ConfigError(f"effect is {self.effect}: it must be at least 0.5, which is none, and below 1")

    @property
    def permutations(self) -> int:
        """So many that the smallest p-value is below the level also when it is multiplied by all tests."""
        return ceil(_PERMUTATIONS / self.level) - 1


@dataclass(frozen=True)
class Sample:
    """What is compared of N images.

    Attributes:
        scores: anomaly scores float32 `[N]`.
        pooled: mean patch features `[N, C]`; None where a model does not know them.
        appearance: `[N, S]`, the figures of `patchsieve.images.STATISTICS`; None where a model does not know them.
    """

    scores: Floats
    pooled: Floats | None = field(default=None, repr=False)
    appearance: Floats | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    def figures(self) -> "Iterator[tuple[Statistic, Floats]]":
        """Yield the scores and each figure of appearance, `[N]`."""
        yield SCORE, self.scores
        if self.appearance is not None:
            yield from zip(STATISTICS, self.appearance.T, strict=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One test and what it says.

    Attributes:
        name: ``score``, a figure of `patchsieve.images.STATISTICS`, or ``look``: the pooled embeddings.
        direction: ``higher`` or ``lower`` than in training, or ``different``.
        p_value: of this test alone.
        p_holm: corrected for all tests of the check.
        effect: chance that an image of today lies further in this direction than one of training, after the images of
            today that lie furthest, as many as may be defective, are left out; 0.5 is no difference.
        training: median in training; None for ``look``.
        today: median today; None for ``look``.
        change: of the median: a share of training's where the figure is `relative`, else on its own scale.
        drifted: significant, large enough to matter, and noticeable.
    """

    name: str
    direction: str
    p_value: float
    p_holm: float
    effect: float
    training: float | None = None
    today: float | None = None
    change: float | None = None
    drifted: bool = False


def findings(training: Sample, today: Sample, rules: Rules, *, nearest: bool) -> tuple[Finding, ...]:
    """Run all tests, each figure in both directions, and correct them for their number by Holm's procedure.

    Args:
        training: images that the model was fitted on, scores out of sample.
        today: images that it has not seen; what only one of both knows is left out.
        rules: when a difference counts.
        nearest: whether scores are distances to the nearest of a bank; those of another detector are not tested for
            being lower: nobody knows by how much they fall with more images.

    Raises:
        ImagesError: there are so few images that no outcome could be significant.
    """
    tests = [test for pair in _pairs(training, today) for test in _directions(*pair, nearest)]
    if training.pooled is not None and today.pooled is not None:
        tests.append(_Test(LOOK, "different", training.pooled, today.pooled))
    _require_power(len(training), len(today), len(tests), rules)
    raw = [(test, test.run(rules)) for test in tests]
    corrected = holm([outcome.p_value for _, outcome in raw])
    return tuple(
        test.finding(outcome, 1.0 if p_holm is None else p_holm, rules)
        for (test, outcome), p_holm in zip(raw, corrected, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    direction: str
    training: Floats
    today: Floats
    statistic: Statistic | None = None
    scale: float = 1.0

    def run(self, rules: Rules) -> Outcome:
        if self.statistic is None:
            return classifier_test(
                self.training, self.today, rules.tolerated, permutations=rules.permutations, seed=rules.seed
            )
        sign = -1 if self.direction == "lower" else 1
        return rank_test(sign * self.scale * self.training, sign * self.today, rules.tolerated)

    def finding(self, outcome: Outcome, p_holm: float, rules: Rules) -> Finding:
        drifted = p_holm <= rules.level and outcome.effect >= rules.effect
        found = Finding(self.name, self.direction, outcome.p_value, p_holm, outcome.effect, drifted=drifted)
        if self.statistic is None:
            return found
        before, now = float(np.median(self.training)), float(np.median(self.today))
        change = now - before
        if self.statistic.relative:
            change = change / abs(before) if before else float(np.sign(change))
        noticed = change * (-1 if self.direction == "lower" else 1) >= self.statistic.noticeable
        return replace(found, training=before, today=now, change=change, drifted=drifted and noticed)


def _pairs(training: Sample, today: Sample) -> Iterator[tuple[Statistic, Floats, Floats]]:
    known = dict(training.figures())
    for statistic, values in today.figures():
        if statistic in known:
            # A file that went while it was read left no figures.
            yield statistic, _numbers(known[statistic]), _numbers(values)


def _numbers(values: Floats) -> Floats:
    finite: Floats = values[np.isfinite(values)]
    return finite


def _directions(statistic: Statistic, training: Floats, today: Floats, nearest: bool) -> Iterator[_Test]:
    if min(len(training), len(today)) == 0 or np.ptp(np.concatenate([training, today])) == 0:
        # Grey images have no colour to change.
        return
    yield _Test(statistic.name, "higher", training, today, statistic)
    fairness = 1.0
    if statistic is SCORE:
        if not nearest:
            return
        fairness = _HIGHER
    yield _Test(statistic.name, "lower", training, today, statistic, fairness)


def _require_power(training: int, today: int, tests: int, rules: Rules) -> None:
    """Raise `ImagesError` where even images that differ in every way would not be significant."""
    rest = today - left_out(today, rules.tolerated)
    if tests / comb(training + rest, rest) > rules.level:
        raise ImagesError(
            f"{today} image{'' if today == 1 else 's'} against {training} of training: too few to tell drift from "
            "chance; "
            "take 10 or more of today's, better 50, and a model that was fitted on 20 or more"
        )
