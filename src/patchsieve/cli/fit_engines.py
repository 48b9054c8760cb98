"""Where a fit is done: on this machine, or on a Ray cluster."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from patchsieve.cli.cluster import joined
from patchsieve.cli.console import progress_bars
from patchsieve.cli.fit_plan import show_plan

if TYPE_CHECKING:
    from patchsieve.detectors import Detector
    from patchsieve.images import ImageSet


def fit_here(
    model: "Detector",
    images: "ImageSet",
    out_file: Path,
    *,
    strict: bool,
    cache: Path | None,
    cache_dtype: str,
) -> None:
    """Fit and save with the memory and the disk of this machine, after saying what it will take."""
    from patchsieve.detectors.plan import plan_fit
    from patchsieve.detectors.trained import TrainedDetector
    from patchsieve.images import distinct

    images = distinct(images)
    extractor = model.make_extractor(images)
    plan = plan_fit(model, extractor, len(images))
    kept = not plan.in_memory or isinstance(model, TrainedDetector)
    waiting = out_file.with_name(f"{out_file.name}.embeddings") if kept and cache is None else None
    show_plan(plan, cache or waiting)
    with progress_bars() as progress:
        model.fit(
            images,
            strict=strict,
            progress=progress,
            cache=cache or waiting,
            cache_dtype=cache_dtype,
            extractor=extractor,
        )
    model.save(out_file)
    if waiting is not None:
        shutil.rmtree(waiting, ignore_errors=True)


def fit_on_cluster(
    model: "Detector", images: "ImageSet", address: str | None, *, strict: bool, dtype: str
) -> None:
    """Fit with the workers of the cluster at this address, None for one of this machine."""
    from patchsieve import scaleout

    with joined(address), progress_bars() as progress:
        scaleout.fit_on_cluster(model, images, strict=strict, progress=progress, dtype=dtype)
