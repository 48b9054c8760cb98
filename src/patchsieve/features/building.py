"""Extractors from settings, and the identity that a model file keeps of its extractor."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from patchsieve.errors import ConfigError
from patchsieve.features.backbones import Backbone, make_backbone
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.extraction import FeatureExtractor
from patchsieve.features.tiling import check_tile
from patchsieve.images.preprocessing import Preprocessing, Size


def make_extractor(
    *,
    backbone: str,
    layers: Sequence[str] | None = None,
    image_size: int | Size = 256,
    crop: int | Size | None = 224,
    patch_size: int = 3,
    patch_stride: int = 1,
    dims: int | None = None,
    grid: int | Size | None = None,
    precision: str = "float32",
    tile: int | Size | None = None,
    tile_overlap: int = 64,
    device: str = "auto",
    batch_size: int = 16,
) -> FeatureExtractor:
    """Build the extractor for these settings, the backbone with its weights on the device.

    A frame that is no larger than one tile is not tiled.

    Raises:
        ConfigError: a setting cannot work.
        BackboneError: the backbone is not available here.
    """
    network = make_backbone(backbone, layers, precision=precision)
    preprocessing = Preprocessing(
        _size(image_size), None if crop is None else _size(crop), mean=network.mean, std=network.std
    )
    aggregation = PatchAggregation(patch_size, patch_stride, dims, None if grid is None else _size(grid))
    place = choose_device(device)
    network.to(place)
    tiles = None if tile is None else _tiles(network, _size(tile), tile_overlap, preprocessing.frame)
    return FeatureExtractor(
        network,
        preprocessing,
        aggregation,
        place,
        batch_size,
        tile=tiles,
        tile_overlap=0 if tiles is None else tile_overlap,
    )


# The settings of a detector that decide about the features it learns from; where and in which batches they are made
# does not.
EXTRACTION_SETTINGS = tuple(
    name for name in inspect.signature(make_extractor).parameters if name not in ("device", "batch_size")
)


def identity(extractor: FeatureExtractor) -> dict[str, Any]:
    """Return, JSON-able, all that decides about the features: equal identities give equal features."""
    preprocessing, aggregation = extractor.preprocessing, extractor.aggregation
    # No keys where there are none: the caches of those that stand alone, and of whole images, stay valid.
    tiles = {"tile": list(extractor.tile), "tile_overlap": extractor.tile_overlap} if extractor.tile else {}
    others = {"others": [identity(other) for other in extractor.others]} if extractor.others else {}
    return {
        "backbone": extractor.backbone.name,
        "layers": list(extractor.backbone.layers),
        "weights_sha256": extractor.backbone.weights_hash,
        "image_size": list(preprocessing.image_size),
        "crop": None if preprocessing.crop is None else list(preprocessing.crop),
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "patch_size": aggregation.patch_size,
        "patch_stride": aggregation.patch_stride,
        "dims": aggregation.dims,
        "grid": None if aggregation.grid is None else list(aggregation.grid),
        "precision": extractor.backbone.precision,
        **tiles,
        **others,
    }


def extractor_from_identity(kept: Mapping[str, Any], *, device: str, batch_size: int) -> FeatureExtractor:
    """Build the extractor with this identity.

    Raises:
        BackboneError: its backbone is not available here.
    """
    crop = kept["crop"]
    extractor = make_extractor(
        backbone=kept["backbone"],
        layers=kept["layers"],
        image_size=tuple(kept["image_size"]),
        crop=None if crop is None else tuple(crop),
        patch_size=kept["patch_size"],
        patch_stride=kept["patch_stride"],
        dims=kept["dims"],
        # Early files of version 0.1 do not name these two.
        grid=kept.get("grid"),
        precision=kept.get("precision", "float32"),
        tile=kept.get("tile"),
        tile_overlap=kept.get("tile_overlap", 0),
        device=device,
        batch_size=batch_size,
    )
    others = [
        extractor_from_identity(other, device=device, batch_size=batch_size)
        for other in kept.get("others", ())
    ]
    return replace(extractor, others=tuple(others)) if others else extractor


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; ``auto`` is the first GPU, or the CPU where there is none.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        # torch asserts that it was built with CUDA before it raises anything else.
        raise ConfigError(f"the device {name!r} is not available here; use --device cpu or auto") from error
    return device


def _tiles(network: Backbone, tile: Size, overlap: int, frame: Size) -> Size | None:
    """Return the size of the tiles, None where the frame goes through the network whole."""
    check_tile(tile, overlap)
    only = network.input_size
    if only is not None and tile != only:
        raise ConfigError(
            f"{network.name} takes images of {only[0]}x{only[1]} pixels only, not tiles of {tile[0]}x{tile[1]}: "
            f"give tile={only[0]}" + ("" if only[0] == only[1] else f"x{only[1]}")
        )
    whole = frame[0] <= tile[0] and frame[1] <= tile[1]
    return None if whole and only in (None, frame) else tile


def _size(size: int | Sequence[int]) -> Size:
    if isinstance(size, int):
        return size, size
    height, width = size
    return int(height), int(width)
