"""All images looked at, in parallel, and the facts put together."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from patchsieve.errors import BrokenImageError
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.inspection.concerns import concerns
from patchsieve.images.inspection.look import Facts, look
from patchsieve.images.inspection.report import ClassCount, Duplicates, InspectionReport, SizeCount
from patchsieve.images.opening import MAX_PIXELS
from patchsieve.images.order import SPLIT_ORDER, natural_key
from patchsieve.progress import SILENT, Progress, staged


def inspect_images(
    images: ImageSet, *, progress: Progress = SILENT, max_pixels: int = MAX_PIXELS
) -> InspectionReport:
    """Decode every image once and report what is there; a broken image is named and counted, not raised.

    ```python
    report = inspect_images(read_images("line7/"))
    for warning in report.warnings:
        print(warning)
    ```

    Args:
        images: the set.
        progress: told of each image that is done.
        max_pixels: images larger than this count as unreadable.
    """
    seen: list[Facts] = []
    unreadable: list[Skipped] = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with staged(progress, "Inspecting images", len(images)) as stage:
            looks = pool.map(partial(look, max_pixels=max_pixels), images)
            for record, facts in zip(images, looks, strict=True):
                if isinstance(facts, BrokenImageError):
                    unreadable.append(Skipped(record.name, facts.reason))
                else:
                    seen.append(facts)
                stage.advance()
    finally:
        pool.shutdown(cancel_futures=True)  # so that an interrupted inspection ends now
    return _report(images, seen, unreadable)


def _report(images: ImageSet, seen: Sequence[Facts], unreadable: Sequence[Skipped]) -> InspectionReport:
    sizes = Counter((facts.header.width, facts.header.height) for facts in seen)
    has_masks = any(record.mask for record in images)
    report = InspectionReport(
        root=images.root,
        layout=images.layout,
        images=len(images),
        classes=_classes(images),
        sizes=tuple(SizeCount(*size, count) for size, count in sizes.most_common()),
        modes=dict(Counter(facts.header.mode for facts in seen).most_common()),
        bits=dict(Counter(facts.header.bits for facts in seen).most_common()),
        formats=dict(Counter(facts.header.format for facts in seen).most_common()),
        unreadable=tuple(unreadable),
        skipped=images.skipped,
        duplicates=_duplicates(seen),
        missing_masks=tuple(one.name for one in images if has_masks and one.defective and one.mask is None),
        wrong_masks=tuple(Skipped(one.record.name, one.mask_problem) for one in seen if one.mask_problem),
    )
    return concerns(report, seen)


def _classes(images: ImageSet) -> tuple[ClassCount, ...]:
    counts = Counter((record.split, _label_of(record)) for record in images)
    order = {"good": 0, "unlabelled": 1}
    found = [ClassCount(split, label, count) for (split, label), count in counts.items()]
    return tuple(
        sorted(
            found, key=lambda one: (SPLIT_ORDER[one.split], order.get(one.label, 2), natural_key(one.label))
        )
    )


def _label_of(record: ImageRecord) -> str:
    if record.defective is None:
        return "unlabelled"
    return (record.defect or "defective") if record.defective else "good"


def _duplicates(seen: Sequence[Facts]) -> tuple[Duplicates, ...]:
    groups: defaultdict[str, list[Facts]] = defaultdict(list)
    for facts in seen:
        groups[facts.pixel_hash].append(facts)
    return tuple(
        Duplicates(
            names=tuple(one.record.name for one in group),
            kind="file" if len({one.file_hash for one in group}) == 1 else "pixels",
            across_splits={"train", "test"} <= {one.record.split for one in group},
            conflicting={True, False} <= {one.record.defective for one in group},
        )
        for group in groups.values()
        if len(group) > 1
    )
