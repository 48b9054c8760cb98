"""Noise on purpose: defective test images among the training images, as the papers measure robustness.

In goes a labelled set with splits; out comes the set with its noise, and a manifest by which anyone can make the
same set again from the same files.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args
from unicodedata import normalize

import numpy as np

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images.augmentation import Augmentation
from patchsieve.images.collection import ImageRecord, ImageSet
from patchsieve.images.hashing import source_hash
from patchsieve.images.noise_manifest import (
    Manifest,
    ManifestAugmentation,
    ManifestEntry,
    ManifestImage,
    Overlap,
    TooFew,
    entries_of,
    kinds_of,
    role_of,
)
from patchsieve.images.order import in_order


def inject_noise(
    images: ImageSet, noise: float, *, overlap: Overlap, seed: int, too_few: TooFew = "refuse"
) -> tuple[ImageSet, Manifest]:
    """Add `int(noise * good training images)` defective test images, drawn at random, to the training images.

    A rate of 0.1 on 100 good images adds 10, which is a contamination of 9.1 %. The added records keep their
    label and mask, and have the split "train"; those that differ from their file have a name of their own, such as
    ``test/crack/004.png+rotation``. For one seed the images of a lower rate are among those of a higher one, so
    that a curve over rates shows the rate and not the luck of the draw; and they are the same for every overlap.

    Args:
        images: a set with good (or unlabelled) images in train and defective ones in test.
        noise: noise rate, 0 or more.
        overlap: whether the drawn images also stay in test, and by which augmentation the copies that are learnt
            from differ from those that stay.
        seed: seed of the draw and of the augmentations, 0 or more.
        too_few: what is done where there are fewer defective images than that; without overlap one must be left to
            be found in test. `Manifest.notes` says what was done.

    Raises:
        ImagesError: the set has no training or no test images, the rate or the seed is not one, or there are
            too few defective images.
        BrokenImageError: a drawn image cannot be read.
    """
    if not (math.isfinite(noise) and noise >= 0) or seed < 0:
        raise ImagesError(
            f"the noise rate {noise} and the seed {seed} must be 0 or more; 0.1 is a usual rate"
        )
    for what, value, known in (
        ("overlap", overlap, get_args(Overlap)),
        ("way out of too few defects", too_few, get_args(TooFew)),
    ):
        if value not in known:
            raise ImagesError(f"there is no {what} {value!r}; it is one of {', '.join(known)}")
    good = _good_train(images)
    defective = _defective_test(images)
    wanted = entries_of(noise, good)
    available = len(defective) if overlap != "none" else max(0, len(defective) - 1)
    if wanted > available and (too_few == "refuse" or not available):
        raise ImagesError(_too_few(noise, wanted, good, len(defective), overlap))
    if too_few == "lower":
        wanted = min(wanted, available)
    order = np.random.default_rng(seed).permutation(len(defective))[:available]
    listing = tuple(_listing(images))
    hashes = {one.name: one.sha256 for one in listing if one.role == "test"}
    drawn = [(defective[order[index % available]], index // available) for index in range(wanted)]
    entries = tuple(
        _entry(record, hashes[record.name] or source_hash(record), overlap, seed, repeat)
        for record, repeat in drawn
    )
    manifest = Manifest(
        seed=seed,
        noise=noise,
        overlap=overlap,
        too_few=too_few,
        good_train=good,
        entries=entries,
        images=listing,
    )
    return _with_noise(images, manifest), manifest


def apply_manifest(images: ImageSet, manifest: Manifest) -> ImageSet:
    """Add the noise that a manifest lists to a set, after comparing every image's name and content with it.

    Raises:
        ImagesError: the set has other images than the one that the manifest was drawn for, an entry is missing
            from its defective test images, or one has other content; the text names them.
        BrokenImageError: a listed image cannot be read.
    """
    good = _good_train(images)
    if good != manifest.good_train:
        raise ImagesError(
            f"the manifest was drawn for {manifest.good_train} good training images, {images.root} has {good}: "
            "the noise rate would be another"
        )
    by_name = {_portable(record.name): record for record in _defective_test(images)}
    missing = [entry.name for entry in manifest.entries if _portable(entry.name) not in by_name]
    if missing:
        raise ImagesError(f"not among the defective test images of {images.root}: {_listed(missing)}")
    changed = [
        entry.name
        for entry in manifest.entries
        if source_hash(by_name[_portable(entry.name)]) != entry.sha256
    ]
    if changed:
        raise ImagesError(
            f"other content in {images.root} than when the manifest was drawn: {_listed(changed)}"
        )
    if manifest.images:
        _require_same(images, manifest.images)
    return _with_noise(images, manifest)


def _entry(record: ImageRecord, content: str, overlap: Overlap, seed: int, repeat: int) -> ManifestEntry:
    drawn = [Augmentation.drawn(kind, seed, content, repeat) for kind in kinds_of(overlap, repeat=repeat > 0)]
    return ManifestEntry(
        name=record.name,
        sha256=content,
        role=role_of(overlap),
        augmentations=tuple(ManifestAugmentation(kind=one.kind, seed=one.seed) for one in drawn),
    )


def _with_noise(images: ImageSet, manifest: Manifest) -> ImageSet:
    by_name = {_portable(record.name): record for record in _defective_test(images)}
    drawn = [by_name[_portable(entry.name)] for entry in manifest.entries]
    moved = {record.name for record in drawn} if manifest.overlap == "none" else set()
    stay = [record for record in images if record.split == "train" or record.name not in moved]
    copies: dict[str, int] = {}
    added = []
    for record, entry in zip(drawn, manifest.entries, strict=True):
        repeat = copies[record.name] = copies.get(record.name, -1) + 1
        suffix = "".join(f"+{one.kind}{repeat if one.kind == 'repeat' else ''}" for one in entry.applied)
        added.append(replace(record, name=record.name + suffix, split="train", augmentations=entry.applied))
    return images.with_records(in_order([*stay, *added]))


def _listing(images: ImageSet) -> Iterator[ManifestImage]:
    for record in in_order(images):
        if record.split is not None:
            yield ManifestImage(name=record.name, sha256=_readable_hash(record), role=record.split)


def _readable_hash(record: ImageRecord) -> str | None:
    try:
        return source_hash(record)
    except BrokenImageError:
        # Whoever decodes it will name it and skip it: it ends nothing here.
        return None


def _require_same(images: ImageSet, listed: Sequence[ManifestImage]) -> None:
    here = {(_portable(one.name), one.role): one.sha256 for one in _listing(images)}
    there = {(_portable(one.name), one.role): one.sha256 for one in listed}
    for problem, keys in (
        ("missing from", there.keys() - here.keys()),
        ("not in the set that the manifest was drawn for, but in", here.keys() - there.keys()),
        (
            "other content than when the manifest was drawn in",
            {key for key in here.keys() & there.keys() if here[key] != there[key]},
        ),
    ):
        if keys:
            raise ImagesError(
                f"{problem} {images.root}: {_listed(sorted(name for name, _ in keys))}; the figures would be others"
            )


def _good_train(images: ImageSet) -> int:
    count = sum(record.split == "train" and not record.defective for record in images)
    if not count:
        raise ImagesError(
            f"{images.root} (layout {images.layout}) has no good images in train to add noise to"
        )
    return count


def _defective_test(images: ImageSet) -> list[ImageRecord]:
    return sorted(
        (one for one in images if one.split == "test" and one.defective), key=lambda one: _portable(one.name)
    )


def _portable(name: str) -> str:
    """Return a name in the form that all machines share: some file systems take accents apart."""
    return normalize("NFC", name)


def _too_few(noise: float, wanted: int, good: int, defective: int, overlap: Overlap) -> str:
    alone = overlap == "none"
    most = math.floor(1000 * (max(0, defective - 1) if alone else defective) / good) / 1000
    text = (
        f"noise {noise} on {good} good training images needs {wanted} defective test images, and there are {defective}"
        + (", one of which must stay in test to be found" if alone else "")
        + f": the highest rate is {most:g}"
    )
    with_overlap = math.floor(1000 * defective / good) / 1000
    if alone and with_overlap > most:
        text += f" ({with_overlap:g} with overlap)"
    text += "; lower the rate, take fewer good training images, or add defective test images"
    if most:
        text += (
            '. too_few="lower" takes the highest rate there is; too_few="repeat" takes defective images again, each '
            "time turned and scaled a little"
        )
    return text


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest
