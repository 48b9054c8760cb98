"""What a check for drift says."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from patchsieve.evaluation.drift.findings import Finding, Rules, Sample
from patchsieve.images import ImageSet, Skipped

Verdict = Literal["drift", "defects", "none"]


@dataclass(frozen=True)
class DriftReport:
    """Whether today's images still look like those of training.

    Attributes:
        verdict: ``drift``: most images have changed; ``defects``: only some stand out, more than in training, and the
            rest looks like training; ``none``: neither.
        findings: every test, in the order scores, appearance, look.
        rules: when a difference counts.
        training: what was compared of the training images.
        today: the same of today's, in the order of `images`.
        images: today's images that were compared.
        threshold: the model's; an image with a higher score is an alarm.
        alarms: how many of today's images are above the threshold.
        training_alarms: how many of the training images are, out of sample.
        alarms_p_value: one-sided, of the hypothesis that today's share of alarms is no higher than training's (Fisher's
            exact test).
        skipped: images that could not be decoded.
        seen: names of images that the model has learnt from; they are left out.
        notes: what limits the answer, in sentences.
    """

    verdict: Verdict
    findings: tuple[Finding, ...] = field(repr=False)
    rules: Rules
    training: Sample = field(repr=False)
    today: Sample = field(repr=False)
    images: ImageSet = field(repr=False)
    threshold: float
    alarms: int
    training_alarms: int
    alarms_p_value: float
    skipped: tuple[Skipped, ...] = ()
    seen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether most of the images have changed."""
        return self.verdict == "drift"

    @property
    def changes(self) -> tuple[Finding, ...]:
        """The findings that make it drift, the largest effect first."""
        return tuple(sorted((each for each in self.findings if each.drifted), key=lambda each: -each.effect))

    def by_figure(self) -> tuple[Finding, ...]:
        """Return one finding for each figure: that of the direction in which it moved."""
        strongest: dict[str, Finding] = {}
        for each in self.findings:
            if each.name not in strongest or each.effect > strongest[each.name].effect:
                strongest[each.name] = each
        return tuple(strongest.values())

    @property
    def outstanding(self) -> tuple[str, ...]:
        """Names of today's images above the threshold, the worst first."""
        return tuple(self.images[int(index)].name for index in self.ranked()[: self.alarms])

    def ranked(self) -> npt.NDArray[np.int64]:
        """Return the indices of today's images by falling score, ties in order."""
        return np.argsort(-self.today.scores, kind="stable")

    def score_ratio(self) -> float:
        """How many times as high today's median score is as that of training."""
        now, before = (float(np.median(each.scores)) for each in (self.today, self.training))
        return now / max(before, 1e-12)
