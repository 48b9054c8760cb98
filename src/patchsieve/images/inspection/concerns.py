"""What of the facts can spoil a model or a figure, said in sentences; one small function per kind of concern."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

from patchsieve.images.collection import Skipped
from patchsieve.images.inspection.look import Facts
from patchsieve.images.inspection.report import InspectionReport
from patchsieve.images.layouts.labels import BAD, GOOD
from patchsieve.images.order import folded

ENOUGH_TO_LEARN = 20
"""Training images below which a memory bank cannot tell rare from defective; five or so per LOF neighbourhood."""

ASPECT_SPREAD = 1.1
"""Ratio of the widest to the narrowest aspect above which resizing to one frame distorts images differently."""

DARK = 15
"""Brightest 8-bit value that 12-bit data reaches when it is stored in a 16-bit file without scaling."""


def concerns(report: InspectionReport, seen: Sequence[Facts]) -> InspectionReport:
    """Return the report with its warnings, the gravest first.

    Args:
        report: the counts.
        seen: the facts of the readable images.
    """
    found = (
        *_unreadable(report),
        *_few(seen),
        *_duplicates(report),
        *_class_names(report),
        *_masks(report),
        *_one_sided_test(report),
        *_sizes(report),
        *_colours(seen),
        *_dark(seen),
    )
    return replace(report, warnings=found)


def _unreadable(report: InspectionReport) -> Iterator[str]:
    if report.unreadable:
        yield f"{_count(len(report.unreadable), 'image')} cannot be read: {_some(report.unreadable)}"


def _few(seen: Sequence[Facts]) -> Iterator[str]:
    count = sum(facts.record.split != "test" for facts in seen)
    if count < ENOUGH_TO_LEARN:
        yield f"only {_count(count, 'image')} to learn from: take at least {ENOUGH_TO_LEARN}, better 100 or more"


def _duplicates(report: InspectionReport) -> Iterator[str]:
    across = [group.names for group in report.across_splits]
    if across:
        yield (
            f"{_count(len(across), 'picture')} in both train and test, so figures on test are too good: "
            f"{' = '.join(across[0])}{_more(len(across), 1)}"
        )
    conflicting = [group.names for group in report.duplicates if group.conflicting]
    if conflicting:
        yield (
            f"{_count(len(conflicting), 'picture')} labelled both good and defective: "
            f"{' = '.join(conflicting[0])}{_more(len(conflicting), 1)}"
        )
    surplus = sum(len(group.names) - 1 for group in report.duplicates if not group.across_splits)
    if surplus:
        yield f"{_count(surplus, 'exact duplicate')} of another image in the same split"


def _class_names(report: InspectionReport) -> Iterator[str]:
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted({one.label for one in report.classes}):
        spellings[re.sub(r"[\s_-]|s$", "", folded(label))].append(label)
        if label not in ("good", "unlabelled") and _sounds_good(label):
            yield f"the class {label!r} counts as a defect but sounds good: name the folder 'good' if it is"
    for labels in spellings.values():
        if len(labels) > 1:
            yield f"the classes {', '.join(map(repr, labels))} look like one class under different names"


def _sounds_good(label: str) -> bool:
    words = re.split(r"[^\w]|_|\d", folded(label))
    if {"not", "no", *BAD} & set(words):
        return False
    near = get_close_matches(folded(label), ("good", "normal"), cutoff=0.75)
    # A slip of the finger seldom hits the first letter; without this, "wood" would be one.
    return bool(GOOD & set(words)) or any(folded(label)[0] == word[0] for word in near)


def _masks(report: InspectionReport) -> Iterator[str]:
    if report.wrong_masks:
        yield f"{_count(len(report.wrong_masks), 'mask')} without use: {_some(report.wrong_masks)}"
    missing = report.missing_masks
    if missing:
        names = ", ".join(missing[:3]) + _more(len(missing), 3)
        yield f"{_count(len(missing), 'defective image')} without a mask: {names}"


def _one_sided_test(report: InspectionReport) -> Iterator[str]:
    labels = {one.label for one in report.classes if one.split == "test"} - {"unlabelled"}
    if labels == {"good"}:
        yield "the test images hold no defective one, so nothing can be measured on them but false alarms"
    elif labels and "good" not in labels:
        yield "the test images hold no good one, so false alarms cannot be measured on them"


def _sizes(report: InspectionReport) -> Iterator[str]:
    if len(report.sizes) < 2:
        return
    by_area = sorted(report.sizes, key=lambda one: (one.width * one.height, one.width))
    low, high = by_area[0], by_area[-1]
    aspects = [one.width / one.height for one in report.sizes]
    text = (
        f"{len(report.sizes)} sizes, from {low.width} x {low.height} to {high.width} x {high.height} pixels"
    )
    if max(aspects) / min(aspects) > ASPECT_SPREAD:
        text += f", and aspect ratios from {min(aspects):.2f} to {max(aspects):.2f}"
        text += ": brought to one frame, parts are stretched differently"
    else:
        text += ": brought to one frame, the same defect has different sizes"
    yield text


def _colours(seen: Sequence[Facts]) -> Iterator[str]:
    grey = sum(facts.header.mode in ("1", "L", "LA") or facts.header.mode[0] in "IF" for facts in seen)
    if 0 < grey < len(seen):
        yield f"{grey} grey and {len(seen) - grey} colour images are mixed: a grey one may be an outlier for that alone"


def _dark(seen: Sequence[Facts]) -> Iterator[str]:
    wide = [facts for facts in seen if facts.header.bits == 16]
    if wide and max(facts.brightest for facts in wide) <= DARK:
        yield (
            f"the {len(wide)} 16-bit images use at most a sixteenth of their range, as 12-bit cameras store them, "
            "and are nearly black on the full scale: multiply them by 16 before saving"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(skipped: Sequence[Skipped], shown: int = 3) -> str:
    return "; ".join(f"{one.name} ({one.reason})" for one in skipped[:shown]) + _more(len(skipped), shown)


def _more(count: int, shown: int) -> str:
    return f" and {count - shown} more" if count > shown else ""
