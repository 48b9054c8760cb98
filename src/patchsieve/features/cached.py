"""Extraction by way of a cache: only images that it does not hold go through the backbone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features.building import identity
from patchsieve.features.cache import FeatureCache
from patchsieve.features.embeddings import Embeddings, as_rows, none_decoded
from patchsieve.features.extraction import FeatureExtractor
from patchsieve.images import ImageRecord, ImageSet, Skipped, content_hash, decode, measure_appearance
from patchsieve.images.appearance import STATISTICS, Appearance
from patchsieve.progress import SILENT, Progress


def embed_cached(
    extractor: FeatureExtractor,
    images: ImageSet,
    folder: Path | str | None,
    *,
    dtype: str = "float32",
    strict: bool = False,
    progress: Progress = SILENT,
) -> Embeddings:
    """Embed a whole set into a cache on disk. Interrupted, it continues where it was.

    Args:
        extractor: what embeds the images that are not there yet.
        images: what to embed; images are known by their content, under any name.
        folder: of the cache; None for one on disk that goes when nobody reads from it any more.
        dtype: how numbers are kept: ``float32``, or ``float16`` in half the space.
        strict: raise at the first image that cannot be decoded instead of skipping it.
        progress: shown one unit for each image that is not there yet.

    Returns:
        Embeddings whose features are read from the disk when they are needed; for an image that was there before,
        `seconds` is 0.

    Raises:
        BrokenImageError: an image cannot be decoded and `strict` is set.
        ImagesError: there are no images, or none of them could be decoded.
        PatchSieveError: the cache cannot be read or written, or the disk is too small.
    """
    if not images:
        raise ImagesError(f"there are no images to work on in {images.root}")
    if extractor.others:
        kinds = [
            embed_cached(part, images, folder, dtype=dtype, strict=strict, progress=progress)
            for part in extractor.parts
        ]
        return _together(kinds, extractor)
    cache = FeatureCache(folder, identity(extractor), extractor.shape, dtype)
    hashes, skipped = _hashes(images, strict=strict)
    known = cache.find(list(hashes.values()))
    missing = images.where(lambda record: record.name in hashes and hashes[record.name] not in known)
    cache.require_space(len(missing))
    seconds: dict[str, float] = {}
    if missing:
        for part in extractor.batches(missing, strict=strict, progress=progress, measure=True):
            names = part.images.names
            skipped.extend(part.skipped)
            if names and part.appearance is not None:
                # The figures first: they count only where the features are.
                cache.add_appearance(
                    {hashes[name]: row for name, row in zip(names, part.appearance, strict=True)}
                )
                cache.add([hashes[name] for name in names], part.sizes, part.features.tensor())
                seconds.update(zip(names, part.seconds.tolist(), strict=True))
    known = cache.find(list(hashes.values()))
    found = images.where(lambda record: record.name in hashes and hashes[record.name] in known)
    if not found:
        raise none_decoded(images, skipped)
    rows = [known[hashes[name]] for name in found.names]
    measured = _measured(cache, found, [hashes[name] for name in found.names])
    return Embeddings(
        features=cache.features(rows, extractor.device, extractor.layer_channels),
        images=found,
        sizes=np.array([[row.height, row.width] for row in rows], dtype=np.int64),
        seconds=np.array([seconds.get(name, 0.0) for name in found.names]),
        skipped=tuple(skipped),
        extractor=extractor,
        appearance=measured,
        hashes=tuple(hashes[name] for name in found.names),
    )


def _measured(cache: FeatureCache, images: ImageSet, hashes: list[str]) -> Appearance:
    """Return the figures of the images, float32 `[N, S]`; those are measured now that the cache has without them."""
    known = cache.find_appearance(hashes)
    missing = {sha256: record for sha256, record in zip(hashes, images, strict=True) if sha256 not in known}
    if missing:
        with ThreadPoolExecutor() as pool:
            found = dict(zip(missing, pool.map(_measure, missing.values()), strict=True))
        cache.add_appearance({sha256: row for sha256, row in found.items() if not np.isnan(row).any()})
        known |= found
    return as_rows([known[sha256] for sha256 in hashes])


def _measure(record: ImageRecord) -> Appearance:
    try:
        return measure_appearance(decode(record))
    except BrokenImageError:
        # Its features are there, so the file went only just now.
        return np.full(len(STATISTICS), np.nan, dtype=np.float32)


def _together(kinds: list[Embeddings], extractor: FeatureExtractor) -> Embeddings:
    """Join the embeddings of the same images by each part of an extractor.

    A file that went while they were made is in the first and not in the last: such images are left out.
    """
    first = kinds[0]
    skipped = {skip.name: skip for kind in kinds for skip in kind.skipped}
    names = [name for name in first.images.names if name not in skipped]
    if not names:
        raise none_decoded(first.images, tuple(skipped.values()))
    places = [{name: place for place, name in enumerate(kind.images.names)} for kind in kinds]
    taken = [kind.take([place[name] for name in names]) for kind, place in zip(kinds, places, strict=True)]
    return replace(
        taken[0],
        features=taken[0].features.with_others([kind.features for kind in taken[1:]]),
        seconds=np.sum([kind.seconds for kind in taken], axis=0),
        skipped=tuple(skipped.values()),
        extractor=extractor,
    )


def _hashes(images: ImageSet, *, strict: bool) -> tuple[dict[str, str], list[Skipped]]:
    """Return the SHA-256 of each image's content by name, and what could not be read."""
    hashes: dict[str, str] = {}
    skipped: list[Skipped] = []
    for record in images:
        try:
            hashes[record.name] = content_hash(record)
        except BrokenImageError as error:
            if strict:
                raise
            skipped.append(Skipped(record.name, error.reason))
    return hashes, skipped
