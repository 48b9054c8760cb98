"""The same model again without the images that a person dropped, and what that changed."""

from dataclasses import asdict, dataclass, replace
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone

from patchsieve.detectors.bank_detector import BankDetector
from patchsieve.detectors.base import Detector
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images import EXCLUDED, ImageRecord, ImageSet, Marks, content_hash, without
from patchsieve.progress import SILENT, Progress

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """What a model is, in a few numbers.

    Attributes:
        images: it learnt from.
        threshold: of the image scores.
        pixel_threshold: of the maps.
        bank: patches in the memory bank; None for a detector without.
        suspects: training images above the threshold that nobody has confirmed.
        kept: training images that a person has confirmed.
    """

    images: int
    threshold: float
    pixel_threshold: float
    bank: int | None
    suspects: int
    kept: int

    @classmethod
    def of(cls, model: Detector) -> "Standing":
        """Return where a fitted model stands."""
        training = model.training_
        bank = getattr(model, "bank_", None)
        return cls(
            images=len(training.images),
            threshold=model.threshold_,
            pixel_threshold=model.pixel_threshold_,
            bank=None if bank is None else len(bank),
            suspects=int((training.scores[training.unmarked()] > model.threshold_).sum()),
            kept=len(training.kept),
        )


@dataclass(frozen=True, slots=True)
class Move:
    """How one training image stands now among those that both models learnt from.

    Attributes:
        image: its name.
        rank_before: 1 for the highest score of them.
        rank_after: likewise.
        score_before: out of sample.
        score_after: likewise.
    """

    image: str
    rank_before: int
    rank_after: int
    score_before: float
    score_after: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What a refit changed.

    Attributes:
        dropped: names of the images that were left out, exact copies with them.
        before: the model as it was.
        after: the model as it is.
        embedded: how many images went through the backbone again; the others came from the cache.
        embedding_seconds: what reading and embedding took.
        seconds: what all of it took.
        moves: every image that both learnt from. Those whose rank was multiplied or divided by most come first: from 12
            to 2 is much, from 62 to 52 is what another drawing of the folds does.
    """

    dropped: tuple[str, ...]
    before: Standing
    after: Standing
    embedded: int
    embedding_seconds: float
    seconds: float
    moves: tuple[Move, ...]

    def plain(self) -> dict[str, Any]:
        """Return the same, JSON-able."""
        return asdict(self)


def refit(
    model: Detector,
    marks: Marks,
    *,
    folder: Path | None = None,
    cache: Path | str | None = None,
    cache_dtype: str = "float32",
    progress: Progress = SILENT,
) -> tuple[Detector, Changes]:
    """Fit a model again: the same settings, the same training images less those to drop.

    Patches of confirmed defects that an update took out of the bank (`BankDetector.reject`) stay out. The operating
    points that follow from training scores are found again, the others stay as they were.

    Args:
        model: fitted; it is not changed.
        marks: of its training images, by name. What earlier marks dropped may stand among those to drop again.
        folder: where the training images are now; None for where they were.
        cache: folder of embeddings; what it lacks is embedded and added.
        cache_dtype: how numbers are kept there.
        progress: shown the stages of the work.

    Raises:
        ImagesError: a marked image is none of the model's; or a training image that stays is gone, has changed, or
            never was a file.
    """
    started = perf_counter()
    images = _located(replace(model.training_.images, skipped=()), folder)
    gone = _dropped_before(model, marks.keep, marks.drop)
    drop = [name for name in marks.drop if name not in gone]
    _require_known(images, (*marks.keep, *drop))
    chosen = _without(images, drop, dict(zip(images.names, model.training_.hashes, strict=True)))
    fresh: Detector = clone(model)
    fresh.fit(
        replace(chosen, skipped=(*model.training_.skipped, *chosen.skipped)),
        strict=True,
        cache=cache,
        cache_dtype=cache_dtype,
        progress=progress,
        extractor=model.extractor_,
    )
    if isinstance(model, BankDetector) and isinstance(fresh, BankDetector):
        rejected = model.bank_.rejected
        if rejected is not None:
            fresh.bank_ = fresh.bank_.without(rejected)
    left = set(fresh.training_.images.names)
    kept = tuple(name for name in dict.fromkeys((*model.training_.kept, *marks.keep)) if name in left)
    fresh.training_ = replace(fresh.training_, kept=kept)
    training = fresh.training_
    fresh.operate(model.operating_points_.recalibrated(training.scores, training.set_aside))
    return fresh, Changes(
        dropped=tuple(name for name in images.names if name not in left),
        before=Standing.of(model),
        after=Standing.of(fresh),
        embedded=int((fresh.training_.seconds > 0).sum()),
        embedding_seconds=fresh.timings_["embedding"],
        seconds=perf_counter() - started,
        moves=moves_between(model, fresh),
    )


def _located(images: ImageSet, folder: Path | None) -> ImageSet:
    """Return the training images as files of `folder`, where there is one."""
    if folder is None:
        return images
    moved = [
        record if record.path is None else replace(record, path=folder / record.name) for record in images
    ]
    return replace(images.with_records(moved), root=folder)


def _dropped_before(model: Detector, keep: tuple[str, ...], drop: tuple[str, ...]) -> set[str]:
    """Return the images that earlier marks dropped. Raises `ImagesError` where one of them is to be kept now."""
    gone = {skip.name for skip in model.training_.skipped if skip.reason.endswith(EXCLUDED)}
    gone -= set(model.training_.images.names)
    if back := [name for name in keep if name in gone]:
        raise ImagesError(
            f"marked keep, but left out when the model was fitted: {_listed(back)}; the model no longer knows these "
            "images: fit again with them"
        )
    return gone & set(drop)


def _require_known(images: ImageSet, names: tuple[str, ...]) -> None:
    unknown = sorted(set(names) - set(images.names))
    if unknown:
        raise ImagesError(
            f"marked, but not among the {len(images)} training images of the model: {_listed(unknown)}; "
            "write names as patchsieve suspects lists them"
        )


def _without(images: ImageSet, drop: list[str], hashes: dict[str, str]) -> ImageSet:
    """Leave images out, and make sure that those that stay are what the model has learnt from."""
    arrays = [record.name for record in images if record.path is None and record.name not in drop]
    if arrays:
        raise ImagesError(
            f"{len(arrays)} training images are no files that could be read again: {_listed(arrays)}; fit anew, from "
            "what they came from"
        )
    missing, changed = [], []
    for record in images:
        if record.name not in drop:
            now = _hash(record)
            if now is None:
                missing.append(record.name)
            elif now != hashes[record.name]:
                changed.append(record.name)
    if missing:
        raise ImagesError(
            f"{len(missing)} of {len(images)} training images are not in {images.root} any more: {_listed(missing)}; "
            "bring them back, name the folder they are in now (--images DIR), or mark them drop"
        )
    if changed:
        raise ImagesError(
            f"{len(changed)} training images are not what the model has learnt from, their files have changed: "
            f"{_listed(changed)}; bring the old files back, or fit anew with patchsieve fit"
        )
    return without(images, drop)


def _hash(record: ImageRecord) -> str | None:
    try:
        return content_hash(record)
    except BrokenImageError:
        return None


def moves_between(before: Detector, after: Detector) -> tuple[Move, ...]:
    """Return how the training images that two models have in common rank now, as `Changes.moves` lists them."""
    old, new = (
        dict(zip(model.training_.images.names, model.training_.scores.tolist(), strict=True))
        for model in (before, after)
    )
    common = [name for name in old if name in new]
    old_rank, new_rank = (_ranks([scores[name] for name in common]) for scores in (old, new))
    moves = [
        Move(name, old_rank[place], new_rank[place], old[name], new[name])
        for place, name in enumerate(common)
    ]
    return tuple(
        sorted(moves, key=lambda move: (-abs(log(move.rank_after / move.rank_before)), move.rank_after))
    )


def _ranks(scores: list[float]) -> list[int]:
    order = np.argsort(-np.array(scores), kind="stable")
    ranks = np.empty(len(scores), dtype=int)
    ranks[order] = np.arange(1, len(scores) + 1)
    return [int(rank) for rank in ranks]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
