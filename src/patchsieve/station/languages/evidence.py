"""Sentences that models and other rooms have made, in English, before any page was asked for: known by their form.

A model file keeps what is known of its operating points as sentences, and the rooms above the station know of no
language. A sentence that has none of these forms stays English.
"""

import re
from functools import cache


def form(template: str) -> str:
    """Mark a template for the catalogues; it is what a sentence of another room looks like."""
    return template


_FORMS = (
    # decisions.points
    form("given by the user; nothing is known of what it costs"),
    form(
        "%(low)s to %(high)s %% of good images will be above it (%(confidence)s %% interval), %(asked)s %% were asked "
        "for; the lower end is 0 since those above it may be defects that nobody has removed"
    ),
    form(
        "%(low)s to %(high)s %% of good images will be above it (%(confidence)s %% interval), %(asked)s %% were "
        "asked for"
    ),
    form(
        "from the scores of %(images)s training images, %(share)s %% of them taken for defective; found by %(method)s"
    ),
    form(
        "from the scores of %(images)s training images, none of them clearly defective by its score; found "
        "by %(method)s"
    ),
    form("from the scores of %(images)s training images, all of them good, as you said; found by %(method)s"),
    form(
        "%(images)s training images are too few for a false-alarm rate of %(asked)s %%: about %(needed)s would show "
        "one false alarm. The threshold lies beyond what the images show, and the rate may be up to %(high)s %%"
    ),
    form(
        "%(alarms)s false alarms per 1000 good parts, %(misses)s misses per 100 defective ones (%(confidence)s %% "
        "intervals, from %(good)s good and %(defective)s defective images), judged by cross-validation"
    ),
    # decisions.false_alarms
    form("order statistic"),
    form("generalised Pareto tail"),
    form("generalised gamma"),
    form("lower half"),
    # evaluation.drift
    form("Drift: today's %(images)s images no longer look like training."),
    form("No drift: today's %(images)s images look like training."),
    form(
        "No drift, but %(alarms)s of today's %(images)s images stand out: defects, rather than a change of lamp or "
        "camera; the others look like training."
    ),
    form(
        "%(alarms)s of today's %(images)s images (%(share)s) are above the threshold; of the training images, "
        "%(before)s were"
    ),
    form("scores are %(ratio)s times as high as in training"),
    form("scores are %(ratio)s times as high as in training: images look calmer, so defects may be missed"),
    form("scores have not changed to speak of (the median is %(ratio)s times as high as in training)"),
    form("more light: lamp replaced or turned up, exposure time, aperture, stray daylight"),
    form("less light: lamp old, dirty or off, exposure time, aperture, shadow"),
    form("harder light or another camera setting (gamma, automatic gain), or another surface"),
    form("stray light, dirty glass or another camera setting (gamma, automatic gain)"),
    form("noise from camera gain, sharpening or compression in the camera, or a better focus"),
    form("focus, vibration, motion, a dirty lens, or stronger compression of the files"),
    form("colour of the lamp, the camera's white balance, or a coloured product"),
    form("colour of the lamp, the camera's white balance, or a paler product"),
    form("colour of the lamp or the camera's white balance"),
    form("camera or part holder moved, trigger late or early"),
    form("the alarms of today cannot be trusted before the cause is found"),
    form(
        "do not take these alarms for defects before the cause is found: about %(share)s of the parts would be "
        "rejected for how they were photographed"
    ),
    form(
        "the model copes so far: there are no more alarms than usual, but it judges images unlike those it knows"
    ),
    form(
        "as a whole, %(share)s of comparisons tell an image of today from one of training (50 %% would be guessing)"
    ),
    # A figure with its interval, in one of the others.
    form("%(figure)s (%(low)s to %(high)s)"),
)


def recognised(sentence: str) -> tuple[str, dict[str, str]] | None:
    """Return the template that a sentence was made by, and its values; None where it is not known."""
    for template, pattern in _patterns():
        if found := pattern.fullmatch(sentence):
            return template, found.groupdict()
    return None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(template, re.compile(_pattern(template))) for template in _FORMS]


def _pattern(template: str) -> str:
    parts = re.split(r"%\((\w+)\)s", template)
    return "".join(
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part.replace("%%", "%"))
        for place, part in enumerate(parts)
    )
