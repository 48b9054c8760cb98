"""Random patches of images."""

import numpy as np
import torch

from patchsieve.features import PatchFeatures
from patchsieve.sieve.sampling import sampled_patches


def test_patches_are_drawn_once_each_from_the_images_that_are_named() -> None:
    values = torch.arange(5 * 3 * 4).view(5, 3, 4, 1).float()
    images = np.array([1, 4])
    found = sampled_patches(PatchFeatures(values), images, 7, np.random.default_rng(0))
    assert found.shape == (14, 1)
    for image, part in zip(images, found[:, 0].split(7), strict=True):
        assert len(set(part.tolist())) == 7
        assert ((part // 12) == image).all()
    again = sampled_patches(PatchFeatures(values), images, 7, np.random.default_rng(0))
    assert torch.equal(found, again)
    everything = sampled_patches(PatchFeatures(values), images, 12, np.random.default_rng(1))
    assert torch.equal(everything[:12, 0], values[1].flatten())
