"""The answer in words for whoever stands at the line."""

from patchsieve.evaluation.drift.findings import LOOK, SCORE, Finding
from patchsieve.evaluation.drift.report import DriftReport
from patchsieve.images import STATISTICS

_STATISTICS = {each.name: each for each in STATISTICS}
_SIDES = {"edges_x": "width", "edges_y": "height"}

# What to look at where a figure has changed, by figure and direction.
_CAUSES = {
    (
        "brightness",
        "higher",
    ): "more light: lamp replaced or turned up, exposure time, aperture, stray daylight",
    ("brightness", "lower"): "less light: lamp old, dirty or off, exposure time, aperture, shadow",
    (
        "contrast",
        "higher",
    ): "harder light or another camera setting (gamma, automatic gain), or another surface",
    ("contrast", "lower"): "stray light, dirty glass or another camera setting (gamma, automatic gain)",
    (
        "sharpness",
        "higher",
    ): "noise from camera gain, sharpening or compression in the camera, or a better focus",
    ("sharpness", "lower"): "focus, vibration, motion, a dirty lens, or stronger compression of the files",
    ("saturation", "higher"): "colour of the lamp, the camera's white balance, or a coloured product",
    ("saturation", "lower"): "colour of the lamp, the camera's white balance, or a paler product",
    ("warmth", "higher"): "colour of the lamp or the camera's white balance",
    ("warmth", "lower"): "colour of the lamp or the camera's white balance",
    ("tint", "higher"): "colour of the lamp or the camera's white balance",
    ("tint", "lower"): "colour of the lamp or the camera's white balance",
    ("edges_x", "higher"): "camera or part holder moved, trigger late or early",
    ("edges_x", "lower"): "camera or part holder moved, trigger late or early",
    ("edges_y", "higher"): "camera or part holder moved, trigger late or early",
    ("edges_y", "lower"): "camera or part holder moved, trigger late or early",
}
_UNKNOWN = (
    "brightness, contrast, sharpness, colour and position are as in training, so look at the parts: another material, "
    "texture, batch or product version, another background, turned parts, or more defective parts than were allowed for"
)
_UNMEASURED = (
    "the model does not know how bright, sharp and coloured its training images were: compare the pictures"
)


def headline(report: DriftReport) -> str:
    """Return the answer in one sentence."""
    count = _images(len(report.today))
    if report.verdict == "drift":
        return f"Drift: today's {count} no longer look like training."
    if report.verdict == "defects":
        return (
            f"No drift, but {report.alarms} of today's {count} stand out: defects, rather than a change of lamp or "
            "camera; the others look like training."
        )
    return f"No drift: today's {count} look like training."


def sentences(report: DriftReport) -> tuple[str, ...]:
    """Say what has changed, the largest change first, and what it means for the alarms."""
    told = [_change(finding) for finding in report.changes if finding.name not in (SCORE.name, LOOK)]
    look = next((each for each in report.changes if each.name == LOOK), None)
    if look is not None:
        told.append(
            f"as a whole, {_percent(look.effect)} of comparisons tell an image of today from one of training (50 % "
            "would be guessing)"
        )
    told.append(_scores(report))
    told.append(
        f"{report.alarms} of today's {_images(len(report.today))} ({_percent(report.alarms / len(report.today))}) are "
        f"above the threshold; of the training images, {_percent(report.training_alarms / len(report.training))} were"
    )
    if report.drifted:
        told.append(_meaning(report))
    return tuple(told)


def causes(report: DriftReport) -> tuple[str, ...]:
    """Say what to look at first; empty where there is no drift."""
    if not report.drifted:
        return ()
    keys = [(each.name, each.direction) for each in report.changes]
    found = tuple(dict.fromkeys(_CAUSES[key] for key in keys if key in _CAUSES))
    return found or ((_UNMEASURED if report.training.appearance is None else _UNKNOWN),)


def change_in_words(finding: Finding) -> str:
    """Return how far a median has moved, e.g. "-18 %" or "+0.012"; empty where there is no median."""
    if finding.change is None:
        return ""
    statistic = _STATISTICS.get(finding.name, SCORE)
    if statistic.relative:
        return f"{100 * finding.change:+.0f} %"
    if finding.name in _SIDES:
        return f"{100 * finding.change:+.1f} % of {_SIDES[finding.name]}"
    return f"{finding.change:+.3f}"


def _change(finding: Finding) -> str:
    statistic = _STATISTICS[finding.name]
    words = statistic.more if finding.direction == "higher" else statistic.less
    amount = change_in_words(finding)
    if statistic.relative:
        return f"images are {amount.lstrip('+-')} {words} than in training"
    if finding.name in _SIDES:
        return f"edges in the picture lie {words}, by {amount.lstrip('+-')}"
    return f"images are {words} than in training ({finding.name} {amount})"


def _scores(report: DriftReport) -> str:
    changed = {each.direction for each in report.changes if each.name == SCORE.name}
    ratio = f"{report.score_ratio():.2g} times as high as in training"
    if "higher" in changed:
        return f"scores are {ratio}"
    if "lower" in changed:
        return f"scores are {ratio}: images look calmer, so defects may be missed"
    return f"scores have not changed to speak of (the median is {ratio})"


def _meaning(report: DriftReport) -> str:
    share, before = report.alarms / len(report.today), report.training_alarms / len(report.training)
    if report.alarms_p_value <= report.rules.level:
        return (
            f"do not take these alarms for defects before the cause is found: about {_percent(share - before)} of the "
            "parts would be rejected for how they were photographed"
            if share > 2 * before
            else "the alarms of today cannot be trusted before the cause is found"
        )
    return "the model copes so far: there are no more alarms than usual, but it judges images unlike those it knows"


def _images(count: int) -> str:
    return f"{count} image" if count == 1 else f"{count} images"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.1 else f"{100 * share:.1f} %"
