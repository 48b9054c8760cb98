"""Features: images go in, patch features come out.

In: an `ImageSet`. Out: `Embeddings`, float32 `[N, H, W, C]`: one vector of C channels for each of the H x W
patches of each of the N images, from the feature maps of a frozen backbone's layers, aggregated over their
neighbourhoods and brought to one grid.
"""

from patchsieve.features.backbones import Backbone, make_backbone
from patchsieve.features.building import choose_device, extractor_from_identity, identity, make_extractor
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.extraction import Embeddings, FeatureExtractor

__all__ = [
    "Backbone",
    "Embeddings",
    "FeatureExtractor",
    "PatchAggregation",
    "choose_device",
    "extractor_from_identity",
    "identity",
    "make_backbone",
    "make_extractor",
]
