"""The whole embedding beside the bare forward pass of its backbone."""

from functools import partial

import torch

from patchsieve.features import FeatureExtractor
from speed.pairs import Contender, interleave, print_table


def compare_embedding(extractor: FeatureExtractor, batch_size: int, pairs: int) -> None:
    """Print the table for one batch size; here the ratio is the whole by the bare forward pass."""
    batch = torch.randn(batch_size, 3, *extractor.preprocessing.frame)
    bare = Contender(f"backbone alone, batch {batch_size}", partial(bare_forward, extractor, batch))
    whole = Contender(f"all of it, batch {batch_size}", partial(extractor.forward, batch))
    interleave(bare, [whole], pairs)
    print_table(bare, [whole], ratio="whole / bare")


@torch.inference_mode()
def bare_forward(extractor: FeatureExtractor, batch: torch.Tensor) -> list[torch.Tensor]:
    return extractor.backbone(batch)
