"""One vector for a whole image: the mean of its patch features."""

import torch

from patchsieve.features.patches import PatchFeatures

_IMAGES_AT_A_TIME = 16


def pooled(features: PatchFeatures) -> torch.Tensor:
    """Return the mean over all patches of each image, float16 `[N, C]` on the CPU.

    It says what an image looks like as a whole and nothing of where. Half precision keeps a model file small, and three
    digits are more than two images of the same part agree in. Of several extractors, the features of the first count.
    """
    means = list(features.map_batches(_means, _IMAGES_AT_A_TIME))
    largest = torch.finfo(torch.float16).max
    return torch.cat(means).clamp(-largest, largest).half()


def _means(batch: torch.Tensor, first: int) -> torch.Tensor:  # noqa: ARG001
    return batch.mean(dim=(1, 2)).cpu()
