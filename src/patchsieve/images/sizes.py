"""The size that images have, from their headers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from patchsieve.errors import BrokenImageError, ConfigError, ImagesError
from patchsieve.images.collection import ImageSet
from patchsieve.images.opening import probe


def usual_size(images: ImageSet) -> tuple[int, int]:
    """Return the (height, width) that most images have as they are decoded; images that cannot be read do not count.

    Raises:
        ConfigError: no size is that of at least half of the images.
        ImagesError: no image can be read.
    """
    sizes = Counter(_sizes(images))
    if not sizes:
        raise ImagesError(
            f"none of the {len(images)} images in {images.root} can be read, so nobody can say how large they are"
        )
    size, count = max(sizes.items(), key=lambda item: (item[1], item[0]))
    if 2 * count < sizes.total():
        ordered = sorted(sizes, key=lambda each: (each[0] * each[1], each))
        smallest, largest = (f"{height}x{width}" for height, width in (ordered[0], ordered[-1]))
        raise ConfigError(
            f"the {sizes.total()} images in {images.root} have {len(sizes)} sizes, from {smallest} to {largest} pixels "
            f"(height x width), and no size is that of half of them: give the one that all are brought to as "
            f"image_size, such as {size[0]}x{size[1]}, which {count} have"
        )
    return size


def _sizes(images: ImageSet) -> Iterator[tuple[int, int]]:
    for record in images:
        if record.pixels is not None:
            yield record.pixels.shape[0], record.pixels.shape[1]
        elif record.path is not None:
            with suppress(BrokenImageError):
                header = probe(record.path)
                yield header.height, header.width
