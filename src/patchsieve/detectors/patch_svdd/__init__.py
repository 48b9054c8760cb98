"""Patch SVDD: an encoder of image patches that is trained on the images themselves.

In: images as pixels, `PatchFeatures` `[N, h, w, 3]` of the backbone ``pixels``. Out: scores `[B, h / 4, w / 4]`, from
the distances of patches of 64 and of 32 pixels to those of the training images.
"""

from patchsieve.detectors.patch_svdd.detector import PatchSVDD

__all__ = ["PatchSVDD"]
