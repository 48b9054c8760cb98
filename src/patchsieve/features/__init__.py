"""Features: images go in, patch features come out.

In: an `ImageSet`. Out: `Embeddings` with `PatchFeatures` `[N, H, W, C]`: one vector of C channels for each of the H x W
patches of each of the N images, from the feature maps of a frozen backbone's layers, aggregated over their
neighbourhoods and brought to one grid.
"""

from patchsieve.features.backbones import Backbone, make_backbone
from patchsieve.features.building import (
    EXTRACTION_SETTINGS,
    choose_device,
    extractor_from_identity,
    identity,
    make_extractor,
)
from patchsieve.features.cached import embed_cached
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.embeddings import Embeddings
from patchsieve.features.extraction import FeatureExtractor
from patchsieve.features.patches import PatchFeatures
from patchsieve.features.pooling import pooled
from patchsieve.features.tiling import Tiling, check_tile

__all__ = [
    "EXTRACTION_SETTINGS",
    "Backbone",
    "Embeddings",
    "FeatureExtractor",
    "PatchAggregation",
    "PatchFeatures",
    "Tiling",
    "check_tile",
    "choose_device",
    "embed_cached",
    "extractor_from_identity",
    "identity",
    "make_backbone",
    "make_extractor",
    "pooled",
]
