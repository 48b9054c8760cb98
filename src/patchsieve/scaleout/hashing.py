"""The hashes of images' content, from files that the workers of a cluster read."""

from typing import Any

import ray

from patchsieve.images import ImageSet, content_hashes
from patchsieve.scaleout.features import in_order

# Images for one task: enough that handing them out takes no time beside reading them.
_TOGETHER = 64


def hashed(images: ImageSet) -> list[str | None]:
    """Return what `content_hashes` gives; the workers find the files under the same paths."""
    parts = (
        images.with_records(images.records[first : first + _TOGETHER])
        for first in range(0, len(images), _TOGETHER)
    )
    return [found for done in in_order(_HASHED.remote(part) for part in parts) for found in done]


_HASHED: Any = ray.remote(content_hashes)
