"""Which cells of a mask hang together, by NumPy alone: a runtime at the line has no SciPy."""

import numpy as np
import numpy.typing as npt

Window = tuple[slice, slice]
Indices = npt.NDArray[np.intp]


def label_regions(mask: npt.NDArray[np.bool_]) -> tuple[Indices, list[Window]]:
    """Number the regions of a mask; cells that touch at an edge or a corner belong to one.

    Works on runs, the stretches of cells in one row: a run touches a stretch of the runs in the row above, and what
    touches is joined round by round until nothing changes.

    Args:
        mask: bool `[h, w]`.

    Returns:
        Labels intp `[h, w]`, 0 where the mask is False, regions numbered from 1 by their first cell, row by row; and
        for each region the rows and columns that it lies in.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    labels = np.zeros((height, width), dtype=np.intp)
    if not len(rows):
        return labels, []
    _, numbers = np.unique(_joined(rows, starts, ends, width), return_inverse=True)
    # Runs come row by row, so their numbers, repeated, are those of the mask's cells in order.
    labels[mask] = np.repeat(numbers, ends - starts) + 1
    return labels, _windows(numbers, rows, starts, ends)


def _joined(rows: Indices, starts: Indices, ends: Indices, width: int) -> Indices:
    """Return for each run the lowest of the runs that it hangs together with."""
    # On one line, with gaps that no touch reaches across.
    line = width + 2
    above = (rows - 1) * line
    # A run above touches where it ends behind this one's start less one and starts before its end plus one.
    first = np.searchsorted(rows * line + ends, above + starts, side="left")
    last = np.searchsorted(rows * line + starts, above + ends, side="right")
    counts = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(below)) - np.repeat(np.cumsum(counts) - counts, counts)
    upper = np.repeat(first, counts) + offsets
    lowest = np.arange(len(rows))
    while True:
        before = lowest.copy()
        least = np.minimum(lowest[below], lowest[upper])
        # What a run was joined to is joined, too, else a long chain would take a round for each link.
        for ends_of_edges in (below, upper):
            np.minimum.at(lowest, before[ends_of_edges], least)
            np.minimum.at(lowest, ends_of_edges, least)
        lowest = lowest[lowest]
        if np.array_equal(lowest, before):
            return lowest


def _windows(numbers: Indices, rows: Indices, starts: Indices, ends: Indices) -> list[Window]:
    count = int(numbers.max()) + 1
    top, left = np.full(count, rows.max() + 1), np.full(count, ends.max() + 1)
    bottom, right = np.zeros(count, np.intp), np.zeros(count, np.intp)
    np.minimum.at(top, numbers, rows)
    np.minimum.at(left, numbers, starts)
    np.maximum.at(bottom, numbers, rows + 1)
    np.maximum.at(right, numbers, ends)
    return [
        (slice(int(t), int(b)), slice(int(lf), int(r)))
        for t, b, lf, r in zip(top, bottom, left, right, strict=True)
    ]
