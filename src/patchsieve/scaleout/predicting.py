"""Scoring any number of images with the workers of a cluster, each once, whatever is lost meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
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
from patchsieve.scaleout.listing import LeftOut, listing_of
from patchsieve.scaleout.model_copies import ModelCopy
from patchsieve.scaleout.runs import Asked, listed_once
from patchsieve.scaleout.scoring import PARTS, Job, Replica, images_at_once

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
    asked = Asked(version("patchsieve"), copy.sha256, operating_point, review)
    folder, left_out = Folder.of(out), LeftOut()
    listed = listed_once(folder, asked, listing_of(images, layout), left_out)
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


def _verdicts(folder: Folder) -> Counter[str]:
    """Count the images of each verdict, a few thousand rows at a time."""
    from pyarrow import dataset

    files, path = folder.locate(PARTS)
    counts: Counter[str] = Counter()
    for batch in dataset.dataset(path, filesystem=files, format="parquet").to_batches(columns=["verdict"]):
        for found in batch.column("verdict").value_counts().to_pylist():
            counts[found["values"]] += found["counts"]
    return counts
