"""Features of images by the workers of a cluster, each with a backbone of its own: Ray Data hands out the images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import ray.data
from ray.data.block import BlockAccessor

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features import Embeddings, FeatureExtractor, PatchFeatures, extractor_from_identity, identity
from patchsieve.features.embeddings import none_decoded
from patchsieve.images import STATISTICS, ImageSet, Skipped
from patchsieve.progress import SILENT, Progress, staged
from patchsieve.scaleout.cluster import processors
from patchsieve.scaleout.features import FeatureBlocks
from patchsieve.scaleout.groups import Ref

_TYPES: Mapping[str, type[np.floating[Any]]] = {"float32": np.float32, "float16": np.float16}

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class _Batch:
    """Images that go through the backbone together, and the place of the first among all."""

    first: int
    images: ImageSet


def embed(
    extractor: FeatureExtractor,
    images: ImageSet,
    *,
    dtype: str = "float32",
    strict: bool = False,
    progress: Progress = SILENT,
) -> Embeddings:
    """Embed a whole set with the workers of the cluster that this process is connected to.

    Every worker finds the images' files under the same paths. Features stay in the object stores of the workers, which
    put on disk what does not fit; this process sees none of them. Images go through the backbones in the batches of
    `FeatureExtractor.embed`, so the features are the same. Tasks embed, not actors: what a lost worker or node held is
    made again from its task, also long after.

    Args:
        extractor: of this process; each worker builds one of the same identity.
        images: what to embed.
        dtype: how numbers are kept: ``float32``, or ``float16`` in half the space.
        strict: raise at an image that cannot be decoded instead of skipping it.
        progress: shown one unit an image.

    Raises:
        BrokenImageError: an image cannot be decoded and `strict` is set.
        ImagesError: there are no images, or none of them could be decoded.
    """
    if not images:
        raise ImagesError(f"there are no images to work on in {images.root}")
    size = extractor.images_at_once
    batches = [
        _Batch(first, images.with_records(images.records[first : first + size]))
        for first in range(0, len(images), size)
    ]
    # Its arguments after the first are given below, which the type that Ray asks for does not foresee.
    work: Any = _embedded
    found = ray.data.from_items(batches, override_num_blocks=len(batches)).map_batches(
        work,
        batch_size=1,
        fn_args=(dumps(identity(extractor)), extractor.batch_size, dtype),
        compute=ray.data.TaskPoolStrategy(min(processors(), len(batches))),
        num_cpus=1,
    )
    kinds = len(extractor.parts)
    blocks: list[tuple[Columns, list[Ref]]] = []
    with staged(progress, "embedding", len(images)) as stage:
        for bundle in found.iter_internal_ref_bundles():
            for block in bundle.block_refs:
                facts, *features = _TAKEN_APART.options(num_returns=1 + kinds).remote(block, kinds)
                columns = ray.get(facts)
                if strict:
                    _require_whole(columns, images)
                blocks.append((columns, features))
                stage.advance(len(columns["row"]))
    # As they were done; in order again.
    blocks.sort(key=lambda block: int(block[0]["row"][0]))
    return _joined(extractor, images, blocks)


def _embedded(rows: Columns, extractor_identity: str, batch_size: int, dtype: str) -> Iterator[Columns]:
    """Embed batches: one row for each image, also for those that are skipped."""
    extractor = extractor_of_worker(extractor_identity, batch_size)
    for batch in rows["item"]:
        for part in extractor.batches(batch.images, measure=True):
            yield _columns(batch, part, _TYPES[dtype])


@lru_cache(maxsize=1)
def extractor_of_worker(extractor_identity: str, batch_size: int, device: str = "auto") -> FeatureExtractor:
    """Return the extractor of this worker; the next task of its process finds it ready."""
    return extractor_from_identity(loads(extractor_identity), device=device, batch_size=batch_size)


def _columns(batch: _Batch, part: Embeddings, dtype: type[np.floating[Any]]) -> Columns:
    places = {record.name: place for place, record in enumerate(batch.images)}
    done = [places[name] for name in part.images.names]
    count = len(batch.images)
    reasons = [""] * count
    for skip in part.skipped:
        reasons[places[skip.name]] = skip.reason

    def spread(values: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        every = np.zeros((count, *values.shape[1:]), dtype=dtype)
        every[done] = values
        return every

    appearance = np.empty((0, len(STATISTICS))) if part.appearance is None else part.appearance
    return {
        "row": batch.first + np.arange(count),
        "reason": np.array(reasons),
        "size": spread(part.sizes, np.int64),
        "seconds": spread(part.seconds, np.float64),
        "appearance": spread(appearance, np.float32),
        **{
            f"features.{number}": spread(features.tensor().cpu().numpy(), dtype)
            for number, features in enumerate((part.features, *part.features.others))
        },
    }


def _taken_apart(block: Any, kinds: int) -> list[Any]:
    """Split a block into what is known of its images and their features `[n, H, W, C]` of each kind."""
    accessor: Any = BlockAccessor.for_block(block)
    columns: Columns = accessor.to_numpy()
    features = [np.ascontiguousarray(columns.pop(f"features.{number}")) for number in range(kinds)]
    return [columns, *features]


_TAKEN_APART: Any = ray.remote(_taken_apart)


def _require_whole(columns: Columns, images: ImageSet) -> None:
    for row, reason in zip(columns["row"], columns["reason"], strict=True):
        if reason:
            record = images[int(row)]
            raise BrokenImageError(record.path or Path(record.name), str(reason))


def _joined(
    extractor: FeatureExtractor, images: ImageSet, blocks: list[tuple[Columns, list[Ref]]]
) -> Embeddings:
    facts = {name: np.concatenate([columns[name] for columns, _ in blocks]) for name in blocks[0][0]}
    skipped = tuple(
        Skipped(images[int(row)].name, str(reason))
        for row, reason in zip(facts["row"], facts["reason"], strict=True)
        if reason
    )
    whole = np.flatnonzero(facts["reason"] == "")
    if not len(whole):
        raise none_decoded(images, skipped)
    counts = [len(columns["row"]) for columns, _ in blocks]
    first, *others = (
        PatchFeatures(
            FeatureBlocks([features[number] for _, features in blocks], counts, part.shape),
            whole,
            layer_channels=part.layer_channels,
        )
        for number, part in enumerate(extractor.parts)
    )
    return Embeddings(
        features=first.with_others(others) if others else first,
        images=images.with_records([images[int(row)] for row in facts["row"][whole]]),
        sizes=facts["size"][whole],
        seconds=facts["seconds"][whole],
        skipped=skipped,
        extractor=extractor,
        appearance=facts["appearance"][whole],
    )
