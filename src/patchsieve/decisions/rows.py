"""The result table: one stable schema for predictions and suspects.

Columns: ``image`` (name), ``score`` (raw anomaly score), ``threshold``, ``verdict`` ("good", "defect", "review" where
that was asked for, or "skipped" for an image that cannot be decoded, whose other columns but the last are empty),
``peak_x`` and ``peak_y`` (pixels of the image, from its top left corner), ``seconds`` (decoding to map), ``note`` (why
skipped).
"""

from typing import Any

from patchsieve.decisions.result import Result

COLUMNS = ("image", "score", "threshold", "verdict", "peak_x", "peak_y", "seconds", "note")
SKIPPED = "skipped"

Row = dict[str, Any]


def rows_of(result: Result) -> list[Row]:
    """Return one row per image scored, then one per image skipped."""
    scored = [
        {
            "image": name,
            "score": float(result.scores[index]),
            "threshold": result.threshold,
            "verdict": result.verdicts[index],
            "peak_x": int(result.peaks[index, 0]),
            "peak_y": int(result.peaks[index, 1]),
            "seconds": round(float(result.seconds[index]), 4),
            "note": "",
        }
        for index, name in enumerate(result.images.names)
    ]
    empty = dict.fromkeys(COLUMNS)
    return scored + [
        empty | {"image": skip.name, "verdict": SKIPPED, "note": skip.reason} for skip in result.skipped
    ]
