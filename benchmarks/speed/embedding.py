"""The whole embedding beside the bare forward pass of its backbone."""

from dataclasses import replace
from functools import partial

import torch

from patchsieve.features import FeatureExtractor
from speed.pairs import Contender, interleave, print_table


def compare_embedding(extractor: FeatureExtractor, batch_size: int, pairs: int) -> None:
    """Print the table for one batch size; here the ratio is the whole by the bare forward pass."""
    batch = torch.randn(batch_size, 3, *extractor.preprocessing.frame)
    bare = Contender(f"backbone alone, batch {batch_size}", partial(alone(extractor).forward, batch))
    whole = Contender(f"all of it, batch {batch_size}", partial(extractor.forward, batch))
    interleave(bare, [whole], pairs)
    print_table(bare, [whole], ratio="whole / bare")


def alone(extractor: FeatureExtractor) -> FeatureExtractor:
    """Return what runs the backbone just so, and does next to nothing after it."""
    return replace(extractor, aggregation=smallest)


def smallest(layers: list[torch.Tensor]) -> torch.Tensor:
    return min(layers, key=torch.Tensor.numel)
