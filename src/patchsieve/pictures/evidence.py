"""The evidence against a suspect as pictures: its worst patch, and normal patches beside it, cut out alike."""

from patchsieve.detectors import Detector
from patchsieve.detectors.evidence import Cell, Evidence
from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, Pixels, decode
from patchsieve.pictures.cutout import Cutout, cut_out

# Side of what is cut out, as a share of what the model sees: a patch alone shows too little to judge.
_SHARE = 0.3


def cutouts(model: Detector, evidence: Evidence) -> tuple[Cutout, ...]:
    """Return the suspect's worst patch first, then what it is compared with, nearest first where distances are known.

    Images that cannot be read any more are left out.
    """
    training = model.training_
    suspect = training.images[evidence.image].name
    cells = [(evidence.image, evidence.cell, f"worst patch of {suspect}")]
    for neighbour in evidence.neighbours:
        name = training.images[neighbour.image].name
        if neighbour.distance is None:
            words = f"same place in {name}"
        else:
            doubted = training.scores[neighbour.image] > model.threshold_ and name not in training.kept
            words = f"{name}{' (suspect)' if doubted else ''}, distance {neighbour.distance:.3g}"
        cells.append((neighbour.image, neighbour.cell, words))
    found = []
    for image, cell, words in cells:
        pixels = _cut(model, training.images[image], cell, evidence.grid)
        if pixels is not None:
            found.append(Cutout(words, pixels))
    return tuple(found)


def _cut(model: Detector, record: ImageRecord, cell: Cell, grid: Cell) -> Pixels | None:
    """Return what stands around a patch, at the image's border a part that is moved inwards."""
    try:
        pixels = decode(record)
    except BrokenImageError:
        return None
    height, width = pixels.shape[:2]
    left, top, right, bottom = model.extractor_.preprocessing.box(height, width)
    down, across = (bottom - top) / grid[0], (right - left) / grid[1]
    rows = _edges(top + cell[0] * down, down, height)
    columns = _edges(left + cell[1] * across, across, width)
    return cut_out(pixels, rows, columns, _SHARE * (bottom - top), _SHARE * (right - left))


def _edges(start: float, length: float, limit: int) -> slice:
    first = min(int(start), limit - 1)
    return slice(first, max(first + 1, min(limit, round(start + length))))
