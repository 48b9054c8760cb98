"""A split for sets that come without one: judging needs good images that were not learnt from."""

import math
from dataclasses import replace

import numpy as np

from patchsieve.errors import ImagesError
from patchsieve.images.collection import ImageSet
from patchsieve.images.order import in_order


def split_images(images: ImageSet, test_share: float, *, seed: int) -> ImageSet:
    """Put good images into train and test by chance, and all defective ones into test.

    Images without a label are left out: they can be neither judged nor trusted. Copies of one image go where its
    first one goes only if they were taken out before; see `distinct`.

    Args:
        images: a set without splits.
        test_share: share of the good images that are kept for judging, between 0 and 1; at least one is.
        seed: of the draw.

    Raises:
        ImagesError: there are fewer than two good images or no defective one, or the set has splits already.
    """
    if any(record.split is not None for record in images):
        raise ImagesError(f"{images.root} (layout {images.layout}) has a split already")
    if not 0 < test_share < 1:
        raise ImagesError(
            f"the share of test images {test_share} must lie between 0 and 1; 0.25 is a usual one"
        )
    good = [record for record in images if record.defective is False]
    defective = [record for record in images if record.defective]
    if len(good) < 2 or not defective:
        raise ImagesError(
            f"{images.root} (layout {images.layout}) has {len(good)} good and {len(defective)} defective images: "
            "at least two good ones, to learn from and to judge by, and a defective one are needed"
        )
    held_out = min(len(good) - 1, max(1, math.floor(test_share * len(good) + 0.5)))
    chosen = set(np.random.default_rng(seed).permutation(len(good))[:held_out].tolist())
    records = [
        replace(record, split="test" if index in chosen else "train") for index, record in enumerate(good)
    ]
    return images.with_records(in_order([*records, *(replace(one, split="test") for one in defective)]))
