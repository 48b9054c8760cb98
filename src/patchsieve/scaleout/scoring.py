"""What a worker does with a part of the images: score it, and leave the results as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import ray

from patchsieve.decisions.rows import COLUMNS, Row, rows_of
from patchsieve.errors import BrokenImageError, PatchSieveError
from patchsieve.images import ImageRecord, ImageSet, content_hash
from patchsieve.runtime import ExportedModel, Model
from patchsieve.scaleout.filesystems import Folder
from patchsieve.scaleout.groups import Ref
from patchsieve.scaleout.listing import Listed
from patchsieve.scaleout.nearby import brought_near

if TYPE_CHECKING:
    from patchsieve.detectors import Detector

IMAGES = "images.parquet"
PARTS = "predictions"
SHA256 = "sha256"

# Rows of the list that are read together; a part is some of them.
LIST_ROWS = 4096
# Batches of images that are fetched from an object store together.
_BATCHES = 4


@dataclass(frozen=True)
class Job:
    """What every worker knows.

    Attributes:
        folder: of the list of images and of the results.
        count: images of the list.
        size: images of a part.
        operating_point: see `Detector.predict`.
        review: see `Detector.predict`.
        strict: a broken image ends the work.
        device: to score on.
    """

    folder: Folder
    count: int
    size: int
    operating_point: str | None
    review: float | str | None
    strict: bool
    device: str

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not done."""
        there = self.folder.names(PARTS)
        return [part for part in range(-(-self.count // self.size)) if part_name(part) not in there]

    def images_in(self, part: int) -> int:
        """Return how many images a part has."""
        return min(self.size, self.count - part * self.size)

    def listed(self, part: int) -> list[Listed]:
        """Read the images of a part from the list, and little more of it."""
        from pyarrow import parquet

        files, path = self.folder.locate(IMAGES)
        first, count = part * self.size, self.images_in(part)
        groups = range(first // LIST_ROWS, (first + count - 1) // LIST_ROWS + 1)
        with files.open(path, "rb") as stream, parquet.ParquetFile(stream) as table:
            rows = table.read_row_groups(list(groups)).slice(first - groups[0] * LIST_ROWS, count)
        return [Listed(**row) for row in rows.to_pylist()]


def part_name(part: int) -> str:
    """Return the name of a part's file."""
    return f"part-{part:06}.parquet"


def images_at_once(model: Model) -> int:
    """Return how many images a model scores together."""
    known = cast("Detector | ExportedModel", model)
    return known.batch_size if isinstance(known, ExportedModel) else known.extractor_.images_at_once


class Replica:
    """A model at work in an actor. Its file is opened with the first part: what is wrong with it is told like all else.

    Args:
        job: what to do.
        model: object of the `ModelCopy`.
    """

    def __init__(self, job: Job, model: Ref) -> None:
        self._job = job
        self._copy = model

    @cached_property
    def _model(self) -> Model:
        opened: Model = ray.get(self._copy).opened(self._job.device)
        return opened

    def __call__(self, rows: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Do parts; return for each how many images it has, and what went wrong in words."""
        done = [self._done(int(part)) for part in rows["item"]]
        images, failures = zip(*done, strict=True)
        return {"images": np.array(images), "failure": np.array(failures)}

    def _done(self, part: int) -> tuple[int, str]:
        file = f"{PARTS}/{part_name(part)}"
        try:
            # Done again for a worker that was lost, which may have come to its end.
            if not self._job.folder.has(file):
                self._write(file, self._rows(self._job.listed(part)))
        except PatchSieveError as error:
            return 0, str(error)
        return self._job.images_in(part), ""

    def _rows(self, images: list[Listed]) -> list[Row]:
        """Score images: a row for each, in their order."""
        found: dict[str, Row] = {}
        for near in brought_near(images, _BATCHES * images_at_once(self._model)):
            found |= {row["image"]: row for row in self._scored(near)}
        return [found[image.name] for image in images]

    def _scored(self, images: ImageSet) -> Iterator[Row]:
        records = {record.name: record for record in images}
        job = self._job
        for result in self._model.iter_predict(
            images, operating_point=job.operating_point, review=job.review, strict=job.strict
        ):
            for row in rows_of(result):
                yield row | {SHA256: _hash(records[row["image"]])}

    def _write(self, file: str, rows: list[Row]) -> None:
        import pyarrow as arrow
        from pyarrow import parquet

        kinds = {
            **dict.fromkeys(("score", "threshold", "seconds"), arrow.float64()),
            **dict.fromkeys(("peak_x", "peak_y"), arrow.int32()),
        }
        schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in (*COLUMNS, SHA256)])
        with self._job.folder.replacing(file) as temporary:
            parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), temporary)


def _hash(record: ImageRecord) -> str | None:
    """Return the hash of a file that was read a moment ago; None where it cannot be read."""
    try:
        return content_hash(record)
    except BrokenImageError:
        return None
