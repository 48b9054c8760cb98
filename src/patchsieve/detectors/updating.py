"""What a fitted detector learns later: which images are new, how they score unseen, where defects are in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ImagesError
from patchsieve.features import Embeddings
from patchsieve.images import ImageRecord, Mask, Skipped, content_hash, decode_mask

Boxes = Sequence[tuple[float, float, float, float]]

# A patch belongs to a region that covers at least this share of its cell.
_COVERED = 0.5


def unseen(embeddings: Embeddings, known: Sequence[str]) -> tuple[Embeddings, tuple[str, ...]]:
    """Return the images that are no copies of known ones or of each other, and the hashes of their content.

    Raises:
        ImagesError: there are none.
    """
    seen = set(known)
    fresh: dict[int, str] = {}
    copies = []
    for index, record in enumerate(embeddings.images):
        content = content_hash(record)
        if content in seen:
            copies.append(Skipped(record.name, "exact copy of an image that the model has learnt from"))
        else:
            seen.add(content)
            fresh[index] = content
    if not fresh:
        raise ImagesError(
            f"all {len(embeddings)} images in {embeddings.images.root} are exact copies of images that the model "
            "has learnt from: there is nothing new in them"
        )
    chosen = replace(embeddings.take(list(fresh)), skipped=(*embeddings.skipped, *copies))
    return chosen, tuple(fresh.values())


def defect_patches(
    embeddings: Embeddings, patch_scores: torch.Tensor, threshold: float, boxes: Mapping[str, Boxes]
) -> torch.Tensor:
    """Return the patches of defects.

    Where a box or a mask says where an image's defect is, they are the patches that it covers by half, or the one that
    it covers most. Where nothing says so, they are those that score above the threshold, or the highest one.

    Args:
        embeddings: of N defective images.
        patch_scores: float32 `[N, H, W]`.
        threshold: an image with a higher patch score is called defective.
        boxes: by name of an image, (left, top, right, bottom) in its pixels.

    Returns:
        float32 `[D, C]`, at least one of each image.

    Raises:
        ImagesError: a box or a mask lies outside what the model sees.
        BrokenImageError: a mask cannot be decoded.
    """
    found = []
    for index, record in enumerate(embeddings.images):
        height, width = embeddings.sizes[index].tolist()
        region = _region(record, (height, width), boxes.get(record.name, ()))
        if region is None:
            worth = patch_scores[index]
            chosen = worth > threshold
        else:
            frame = embeddings.extractor.preprocessing.mask(region)
            worth = covered(frame, tuple(patch_scores.shape[1:])).to(patch_scores)
            if not worth.any():
                raise ImagesError(
                    f"the defect marked in {record.name} is outside the part of the image that the model sees (the "
                    "centre crop): leave the image out, or fit with --crop none"
                )
            chosen = worth >= _COVERED
        if not chosen.any():
            chosen = worth == worth.max()
        found.append(embeddings.features.images(index, index + 1)[0][chosen])
    return torch.cat(found)


def _region(record: ImageRecord, size: tuple[int, int], boxes: Boxes) -> Mask | None:
    """Return where the defect is, bool `[h, w]` in the pixels of the image, None where nobody has said."""
    if not boxes:
        return None if record.mask is None else decode_mask(record, size)
    region = np.zeros(size, dtype=bool)
    for left, top, right, bottom in boxes:
        rows = slice(max(0, int(top)), max(0, int(np.ceil(bottom))))
        region[rows, max(0, int(left)) : max(0, int(np.ceil(right)))] = True
    return region


def covered(mask: Mask, grid: tuple[int, ...]) -> torch.Tensor:
    """Return which share of each patch's cell a mask `[h, w]` covers: float64 `[H, W]`."""
    down, across = (_cells(pixels, patches) for pixels, patches in zip(mask.shape, grid, strict=True))
    return torch.from_numpy(down @ mask.astype(np.float64) @ across.T)


def _cells(pixels: int, patches: int) -> npt.NDArray[np.float64]:
    """Return `[patches, pixels]`: which share of each patch's cell each pixel makes up."""
    edges = np.arange(patches + 1) * pixels / patches
    start, end = np.arange(pixels), np.arange(1, pixels + 1)
    overlap = np.minimum(edges[1:, None], end) - np.maximum(edges[:-1, None], start)
    return overlap.clip(min=0) * patches / pixels
