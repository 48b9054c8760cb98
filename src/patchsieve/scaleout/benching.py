"""The cells of a bench as tasks of a cluster; the process that asks for them keeps the results."""

import warnings
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import islice
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
import ray.exceptions
import torch

from patchsieve.evaluation.bench import CellResult, Running, Share
from patchsieve.evaluation.bench.engines import tried
from patchsieve.evaluation.bench.running import Prepared
from patchsieve.features import Embeddings, PatchFeatures, identity
from patchsieve.files import write_text
from patchsieve.progress import SILENT, Progress
from patchsieve.scaleout.cluster import processors
from patchsieve.scaleout.embedding import extractor_of_worker
from patchsieve.scaleout.groups import Ref
from patchsieve.scaleout.losses import cause_of, words_for

# Times that a task is begun again whose worker or node was lost.
_RETRIES = 3
# Lessons handed out for each processor: no more, so that few categories lie in the object stores at a time.
_LESSONS_EACH = 2


def bench_on_cluster(
    shares: Sequence[Share],
    running: Running,
    progress: Progress = SILENT,  # noqa: ARG001 - an engine's; the images are embedded elsewhere.
) -> Generator[tuple[Share, CellResult], None, None]:
    """Run cells with the workers of the cluster that this process is connected to: an engine for `Bench.run`.

    A worker embeds a category, once for each way of extracting features, and the workers of a node share what it gives
    in their object store. Cells whose worker or node is lost are begun again. Manifests are written by this process;
    workers need to find nothing but the images, and the manifests to follow, under the same paths.
    """
    tasks = _tasks(shares, running)
    waiting: dict[Ref, Share] = {}
    try:
        while True:
            for ref, lesson in islice(tasks, max(0, _LESSONS_EACH * processors() - len(waiting))):
                waiting[ref] = lesson
            if not waiting:
                return
            (done,), _ = ray.wait(list(waiting))
            lesson = waiting.pop(done)
            yield from ((lesson, result) for result in _answer(done, lesson, running))
    finally:
        for ref in waiting:
            ray.cancel(ref, force=True)


def _tasks(shares: Sequence[Share], running: Running) -> Generator[tuple[Ref, Share], None, None]:
    there = replace(running, cache=None, given=None if running.given is None else running.given.absolute())
    for share in shares:
        category = replace(share.category, folder=share.category.folder.absolute())
        prepared = _PREPARED.remote(replace(share, category=category), there)
        for lesson in share.lessons():
            yield _TRIED.remote(lesson, prepared, there), lesson


def _answer(ref: Ref, lesson: Share, running: Running) -> list[CellResult]:
    results: list[CellResult]
    manifests: dict[str, str]
    try:
        results, manifests = ray.get(ref)
    except ray.exceptions.RayError as error:
        words = (
            words_for(error) or f"no worker could begin it: {str(cause_of(error)).strip().splitlines()[-1]}"
        )
        return [CellResult(cell, failure=words) for cell in lesson.cells]
    running.manifests.mkdir(parents=True, exist_ok=True)
    for name, text in manifests.items():
        write_text(running.manifests / name, text)
    return results


def _prepared(share: Share, running: Running) -> dict[str, Any] | str:
    """Return what the cells of a share learn from, as `_restored` takes it, or in words why there is none."""
    prepared = share.prepared(running)
    if isinstance(prepared, str):
        return prepared
    embeddings = prepared.embeddings
    extractor = embeddings.extractor
    kinds = (embeddings.features, *embeddings.features.others)
    sent = {
        "features": [(kind.tensor().cpu().numpy(), kind.layer_channels) for kind in kinds],
        "extractor": (dumps(identity(extractor)), extractor.batch_size),
    }
    return vars(prepared) | {"embeddings": vars(embeddings) | sent}


def _tried(
    lesson: Share, prepared: dict[str, Any] | str, running: Running
) -> tuple[list[CellResult], dict[str, str]]:
    """Run the cells of a lesson; return their results and the manifests of their noise, if any, by name of the file."""
    device = lesson.cells[0].system.settings.get("device", "auto")
    with TemporaryDirectory() as folder:
        here = replace(running, manifests=Path(folder))
        ready = prepared if isinstance(prepared, str) else _restored(prepared, device)
        results = list(tried(lesson, ready, here))
        return results, {path.name: path.read_text(encoding="utf-8") for path in here.manifests.iterdir()}


def _restored(sent: dict[str, Any], device: str) -> Prepared:
    embeddings = sent["embeddings"]
    extractor = extractor_of_worker(*embeddings["extractor"], device)
    with warnings.catch_warnings():
        # The workers of a node share these arrays, and may not write to them; no detector writes to features.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        first, *others = (
            PatchFeatures(torch.from_numpy(array).to(extractor.device), layer_channels=channels)
            for array, channels in embeddings["features"]
        )
    kept = {"features": first.with_others(others) if others else first, "extractor": extractor}
    return Prepared(**sent | {"embeddings": Embeddings(**embeddings | kept)})


# Tasks; Ray's types do not say what becomes of a function's.
_PREPARED: Any = ray.remote(max_retries=_RETRIES)(_prepared)
_TRIED: Any = ray.remote(max_retries=_RETRIES)(_tried)
