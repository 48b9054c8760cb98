"""Scoring any number of images with the workers of a cluster, each once, whatever is lost meanwhile."""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.data

from patchsieve.decisions.rows import SKIPPED
from patchsieve.errors import ConfigError, ImagesError, PatchSieveError
from patchsieve.progress import SILENT, Progress, staged
from patchsieve.scaleout.cluster import gpu_count, processors
from patchsieve.scaleout.filesystems import Folder
from patchsieve.scaleout.listing import LeftOut, Listed, Listing, listing_of
from patchsieve.scaleout.model_copies import ModelCopy
from patchsieve.scaleout.scoring import IMAGES, LIST_ROWS, PARTS, Job, Replica, images_at_once

RUN = "run.json"
FORMAT, VERSION = "patchsieve-predictions", 1

# Parts of a list: so many that all workers have work until its end, and none larger or smaller than these.
_PARTS = 512
_LEAST, _MOST = 32, 4096


@dataclass(frozen=True)
class Predicted:
    """What came out.

    Attributes:
        results: folder of the Parquet files, its path or its URL.
        verdicts: images of each verdict, "skipped" among them.
        before: images that were done before.
        left_out: what did not get on the list.
    """

    results: str
    verdicts: Mapping[str, int]
    before: int
    left_out: LeftOut = field(repr=False)

    @property
    def count(self) -> int:
        """Images of the list."""
        return sum(self.verdicts.values())


@dataclass(frozen=True)
class _Asked:
    """What was asked of which model."""

    patchsieve: str
    model: str
    operating_point: str | None
    review: float | str | None


@dataclass(frozen=True)
class _List:
    """What tells one list of images from another: their number, and the SHA-256 of all names and places."""

    count: int
    sha256: str


class _Digest:
    """Becomes that of a list while it is read."""

    def __init__(self) -> None:
        self._count = 0
        self._sha256 = sha256()

    def of(self, images: Iterable[Listed]) -> Iterator[Listed]:
        """Yield the images that are taken in."""
        for image in images:
            self._count += 1
            self._sha256.update("\0".join((*image, "")).encode("utf-8", "surrogateescape"))
            yield image

    @property
    def list(self) -> _List:
        """The list so far."""
        return _List(self._count, self._sha256.hexdigest())


def predict_on_cluster(
    model: Path | str,
    images: Sequence[str],
    out: str,
    *,
    operating_point: str | None = None,
    review: float | str | None = None,
    layout: str = "auto",
    strict: bool = False,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Predicted:
    """Score images with the workers of the cluster that this process is connected to, into a folder of Parquet files.

    The list of images is cut into parts. A part's results are one file, which is there whole or not at all; a part
    that is there is not done again. So each image is in the results once, whatever was lost on the way, and after
    this process was killed the same call goes on where it was. Neither the list nor the results are held in memory.

    Args:
        model: a file written by `fit`, or a folder written by `export`; workers get it from here.
        images: see `listing_of`; workers find them under the same paths, or at the URL.
        out: the folder, a path that all machines have or a URL.
        operating_point: name of the one whose threshold counts; None for the default.
        review: share of the good images whose verdict is to be "review", or ``interval``.
        layout: of a folder of images.
        strict: raise at an image that cannot be decoded instead of skipping it.
        device: where replicas run; unless it is ``cpu``, each takes a GPU where the cluster has any.
        progress: shown one unit an image.

    Raises:
        PatchSieveError: the images, the model or the folder cannot be used, or the folder belongs to another run.
    """
    for place in (*images, out):
        if place.startswith("memory:"):
            raise ConfigError(f"{place} is the memory of one process: the workers of a cluster do not see it")
    copy = ModelCopy.of(Path(model))
    opened = copy.opened("cpu")
    # A blank image: what is wrong with the model or with these two is said before anything is written.
    opened.predict(np.zeros((8, 8, 3), np.uint8), operating_point=operating_point, review=review)
    asked = _Asked(version("patchsieve"), copy.sha256, operating_point, review)
    folder, left_out = Folder.of(out), LeftOut()
    listed = _listed_once(folder, asked, listing_of(images, layout), left_out)
    size = part_size(listed.count, images_at_once(opened))
    job = Job(folder, listed.count, size, operating_point, review, strict, device)
    before = _score(job, copy, progress)
    verdicts = _verdicts(folder)
    results = f"{folder.place}/{PARTS}"
    if set(verdicts) == {SKIPPED}:
        raise ImagesError(f"none of the {listed.count} images could be decoded; {results} says why of each")
    return Predicted(results, verdicts, before, left_out)


def part_size(count: int, at_once: int) -> int:
    """Return how many of `count` images are a part: whole batches, so that images are scored together as ever."""
    return at_once * max(1, min(max(count // _PARTS, _LEAST), _MOST) // at_once)


def _score(job: Job, copy: ModelCopy, progress: Progress) -> int:
    """Do what is not done; return how many images were."""
    parts = job.missing()
    before = job.count - sum(map(job.images_in, parts))
    if not parts:
        return before
    gpus = 0 if job.device == "cpu" else gpu_count()
    workers = min(gpus or processors(), len(parts))
    # An actor takes Ray's place for a function in `map_batches`, which its types do not foresee.
    replica: Any = Replica
    found = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
        replica,
        batch_size=1,
        fn_constructor_args=(job, ray.put(copy)),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
        num_cpus=None if gpus else 1,
        num_gpus=1 if gpus else None,
    )
    with staged(progress, "scoring", job.count) as stage:
        stage.advance(before)
        for row in found.iter_rows():
            if row["failure"]:
                raise PatchSieveError(row["failure"])
            stage.advance(int(row["images"]))
    return before


def _listed_once(folder: Folder, asked: _Asked, listing: Listing, left_out: LeftOut) -> _List:
    """Write the list of images, or hold this one against that of the run that is to go on."""
    kept = folder.read(RUN)
    if kept is None:
        if folder.names(PARTS):
            raise PatchSieveError(
                f"{folder.place} holds results, but not what they are of ({RUN}): name another folder"
            )
        listed = _write_list(folder, listing(left_out))
        with folder.replacing(RUN) as temporary:
            about = {"format": FORMAT, "version": VERSION, "asked": asdict(asked), "list": asdict(listed)}
            temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        return listed
    before, images = _parsed(folder, kept)
    for name, then in asdict(before).items():
        if getattr(asked, name) != then:
            what = name.replace("_", " ")
            raise PatchSieveError(
                f"{folder.place} holds results of another {what} ({then}, not {getattr(asked, name)}): "
                "name another folder, or ask for the same to go on"
            )
    digest = _Digest()
    deque(digest.of(listing(left_out)), maxlen=0)
    if digest.list != images:
        raise PatchSieveError(
            f"{folder.place} holds results of another list of images ({images.count} images, not {digest.list.count}, "
            "or others of them): name another folder, or give the same images to go on"
        )
    return images


def _write_list(folder: Folder, images: Iterator[Listed]) -> _List:
    """Write a list as it is read. Raises `ImagesError` where it is empty."""
    import pyarrow as arrow
    from pyarrow import parquet

    schema = arrow.schema([(name, arrow.string()) for name in Listed._fields])
    digest = _Digest()
    taken = digest.of(images)
    with folder.replacing(IMAGES) as temporary:
        with parquet.ParquetWriter(temporary, schema) as writer:
            while rows := [image._asdict() for image in islice(taken, LIST_ROWS)]:
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
        if not digest.list.count:
            raise ImagesError("there are no images to score")
    return digest.list


def _parsed(folder: Folder, kept: bytes) -> tuple[_Asked, _List]:
    try:
        about = json.loads(kept)
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise ValueError(about["format"])
        return _Asked(**about["asked"]), _List(**about["list"])
    except (KeyError, TypeError, ValueError) as error:
        raise PatchSieveError(
            f"{folder.place}/{RUN} is not what this PatchSieve writes ({error!r}): name another folder"
        ) from error


def _verdicts(folder: Folder) -> Counter[str]:
    """Count the images of each verdict, a few thousand rows at a time."""
    from pyarrow import dataset

    files, path = folder.locate(PARTS)
    counts: Counter[str] = Counter()
    for batch in dataset.dataset(path, filesystem=files, format="parquet").to_batches(columns=["verdict"]):
        for found in batch.column("verdict").value_counts().to_pylist():
            counts[found["values"]] += found["counts"]
    return counts
