"""Images of different people scored together: each is told what it would be told alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from patchsieve.decisions import Result
from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, ImageSet, Pixels
from patchsieve.runtime.opening import Model


def score_together(model: Model, pixels: Sequence[Pixels], names: Sequence[str]) -> list[Result | Exception]:
    """Score images at once; one that cannot be scored takes nobody with it.

    Args:
        model: what scores.
        pixels: uint8 RGB `[H, W, 3]` of each image.
        names: what each is called, in results and errors; they may be the same.

    Returns:
        For each image its result, N = 1, or why there is none.
    """
    records = tuple(ImageRecord(str(place), pixels=each) for place, each in enumerate(pixels))
    try:
        result = model.predict(ImageSet(Path(), "arrays", records))
    except Exception as error:
        if len(records) == 1:
            return [error]
        # One of them is the cause; the others shall not suffer for it.
        return [score_together(model, [each], [name])[0] for each, name in zip(pixels, names, strict=True)]
    rows = {int(name): row for row, name in enumerate(result.images.names)}
    reasons = {int(skip.name): skip.reason for skip in result.skipped}
    return [
        _row(result, rows[place], name) if place in rows else BrokenImageError(Path(name), reasons[place])
        for place, name in enumerate(names)
    ]


def _row(result: Result, row: int, name: str) -> Result:
    """Return the result of one image, which keeps nothing of the others in memory."""
    one = slice(row, row + 1)
    return replace(
        result,
        images=result.images.with_records([ImageRecord(name)]),
        scores=result.scores[one].copy(),
        maps=result.maps[one].copy(),
        boxes=result.boxes[one].copy(),
        sizes=result.sizes[one].copy(),
        peaks=result.peaks[one].copy(),
        seconds=result.seconds[one].copy(),
        skipped=(),
    )
