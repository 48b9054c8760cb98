"""Random patches of images, in whose place they are compared with."""

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features.patches import PatchFeatures


def sampled_patches(
    features: PatchFeatures, images: npt.NDArray[np.int64], each: int, random: np.random.Generator
) -> torch.Tensor:
    """Return `each` random patches of each of these images, float32 `[R * each, C]`, image after image.

    Args:
        features: `[N, H, W, C]`, H W of `each` or more.
        images: `[R]`, numbers of images.
        each: patches of an image.
        random: what draws them.
    """
    _, height, width, _ = features.shape
    places = random.random((len(images), height * width)).argpartition(each - 1, axis=1)[:, :each]
    indices = (images[:, None] * height * width + np.sort(places, axis=1)).ravel()
    return features.patches(torch.from_numpy(indices).to(features.device))
