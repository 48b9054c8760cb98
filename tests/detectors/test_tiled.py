"""Detectors that look at large images in tiles."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter

from patchsieve.bank import read_container, write_container
from patchsieve.detectors import DETECTORS, PatchCore, SoftPatch, load, make_detector
from patchsieve.detectors.budget import FIXED_BYTES
from patchsieve.detectors.plan import plan_fit
from patchsieve.errors import ConfigError
from patchsieve.features import embed_cached, identity
from patchsieve.images import read_images
from patchsieve.sieve import DISCRIMINATORS, make_discriminator, outlier_scores

Photographs = Callable[..., Path]
Pixels = npt.NDArray[np.uint8]

TILED: dict[str, Any] = {
    "image_size": (96, 160),
    "crop": None,
    "tile": 96,
    "tile_overlap": 32,
    "device": "cpu",
}
# The least that makes a detector fit on a dozen images in a moment.
SETTINGS: dict[str, dict[str, Any]] = {
    "softpatch": {"lof_k": 3},
    "cflow": {"epochs": 1, "epoch_steps": 2},
    "spade": {"neighbour_images": 3},
}


def surface(seed: int, size: tuple[int, int], spot: tuple[int, int] | None = None, side: int = 8) -> Pixels:
    """Draw a grained plate of (height, width) that looks alike everywhere, with a dark spot at (x, y)."""
    noise = np.random.default_rng(seed).normal(size=size)
    grey = 130 + 60 * gaussian_filter(noise, 2.0)
    if spot:
        x, y = spot
        grey[y : y + side, x : x + side] = 40
    pixels: Pixels = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return pixels


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != "patch_svdd"])
def test_every_detector_learns_scores_and_comes_back_from_its_file(
    name: str, photographs: Photographs, tmp_path: Path
) -> None:
    folder = photographs("line", 12, size=(160, 96), marked={3: (70, 40)})
    model = make_detector(name, {**TILED, **SETTINGS.get(name, {})}).fit(folder)
    tiling = model.extractor_.tiling
    assert tiling is not None
    assert tiling.columns == (0, 64)
    assert model.training_.patch_maps.shape[1:] == (12, 20)
    result = model.predict(folder)
    assert result.maps.shape == (12, 96, 160)
    assert result.boxes.tolist() == [[0, 0, 160, 96]] * 12
    model.save(tmp_path / "line.sieve")
    loaded = load(tmp_path / "line.sieve", device="cpu")
    assert loaded.extractor_.tiling == tiling
    again = loaded.predict(folder)
    np.testing.assert_array_equal(again.scores, result.scores)
    np.testing.assert_array_equal(again.maps, result.maps)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_discriminator_finds_what_lies_where_tiles_overlap(name: str, photographs: Photographs) -> None:
    # Tiles are the columns 0 to 95 and 64 to 159: the square lies in both.
    folder = photographs("line", 12, size=(160, 96), marked={3: (74, 40)})
    model = SoftPatch(**TILED, discriminator=name, lof_k=3)
    scores = outlier_scores(model.embed(folder).features, make_discriminator(name, lof_k=3))
    image, row, column = np.unravel_index(int(scores.argmax()), tuple(scores.shape))
    assert image == 3
    assert abs(8 * row + 4 - 46) <= 12
    assert abs(8 * column + 4 - 80) <= 12
    model.fit(folder)
    assert model.suspects(top=1).images.names == ("03.png",)


class Shifted(NamedTuple):
    """Maps of the same places, in images that are cut out of wider ones 160 pixels apart."""

    here: npt.NDArray[np.float32]
    there: npt.NDArray[np.float32]

    def apart(self) -> tuple[float, float]:
        """Return by how much they differ, in root mean square and at most, as shares of their mean."""
        differences = self.here - self.there
        mean = self.here.mean()
        return float(np.sqrt((differences**2).mean()) / mean), float(np.abs(differences).max() / mean)

    def peaks_apart(self) -> float:
        """Return the difference of their highest values as a share of these."""
        return float(abs(self.here.max() / self.there.max() - 1))


@cache
def learnt_from_wide_plates(**tiles: Any) -> PatchCore:
    """Learn what plates of 512 x 960 pixels look like."""
    model = PatchCore(
        image_size=(512, 960), crop=None, coreset="random", bank_size=1500, folds=2, device="cpu", **tiles
    )
    return model.fit([surface(seed, (512, 960)) for seed in range(4)])


def shifted(spot: tuple[int, int] | None, **tiles: Any) -> Shifted:
    """Score what lies elsewhere among the tiles, by a model of the same tiles; borders of the frame are left out."""
    wide = surface(50, (512, 1120), spot, side=12)
    here, there = learnt_from_wide_plates(**tiles).predict([wide[:, :960], wide[:, 160:]]).maps
    inner = slice(64, -64), slice(64, -64)
    return Shifted(here[:, 160:][inner], there[:, :-160][inner])


def test_what_is_normal_looks_the_same_wherever_it_lies_among_the_tiles() -> None:
    # A network that pads images with zeros is itself not blind to where in the image something lies.
    whole = shifted(None).apart()
    tiled = shifted(None, tile=512, tile_overlap=64).apart()
    assert tiled[0] < min(0.07, 1.25 * whole[0])
    assert tiled[1] < min(0.35, 1.25 * whole[1])


def test_a_spot_looks_the_same_wherever_it_lies_among_the_tiles() -> None:
    # At column 600 of the one image and 440 of the other; tiles of 512 pixels that overlap by 64 meet between.
    spot = 600, 240
    whole = shifted(spot)
    assert whole.peaks_apart() < 0.02
    little = shifted(spot, tile=512, tile_overlap=64)
    assert little.apart()[0] < 0.15
    assert little.peaks_apart() < 0.2
    more = shifted(spot, tile=512, tile_overlap=128)
    assert more.peaks_apart() < 0.02
    assert more.apart()[0] < min(0.07, 1.25 * whole.apart()[0])


@pytest.mark.slow
def test_a_spot_of_eight_pixels_in_a_thousand_is_found_in_tiles_and_missed_without() -> None:
    size = (1024, 1024)
    learnt = [surface(seed, size) for seed in range(8)]
    # The second spot lies across the edge of a tile, column 512.
    spots = [(300, 640), (508, 300)]
    judged = [surface(100, size), *(surface(200 + index, size, spot) for index, spot in enumerate(spots))]
    common: dict[str, Any] = {
        "coreset": "random",
        "bank_size": 4000,
        "folds": 2,
        "device": "cpu",
        "crop": None,
    }
    whole = PatchCore(**common, image_size=128).fit(learnt).predict(judged)
    assert whole.verdicts == ("good",) * 3
    tiled = PatchCore(**common, image_size="native", tile=512, layers=["stage3"]).fit(learnt)
    assert tiled.extractor_.tiling is not None
    assert tiled.extractor_.tiling.columns == (0, 256, 512)
    result = tiled.predict(judged)
    assert result.verdicts == ("good", "defect", "defect")
    np.testing.assert_allclose(result.peaks[1:], np.array(spots) + 4, atol=8)


def test_an_ensemble_looks_at_the_whole_and_at_tiles(photographs: Photographs, tmp_path: Path) -> None:
    folder = photographs("line", 9, size=(160, 96), marked={3: (70, 40)})
    members = [{"detector": "patchcore"}, {"detector": "patchcore", "tile": None, "image_size": 64}]
    tiles = {"tile": 96, "tile_overlap": 32, "device": "cpu"}
    model = make_detector("ensemble", {"members": members, **tiles}).fit(folder)
    tiled, whole = model.extractor_.parts
    assert tiled.tiling is not None
    assert whole.tiling is None
    assert (tiled.preprocessing.frame, whole.preprocessing.frame) == ((96, 160), (64, 64))
    assert model.suspects(top=1).images.names == ("03.png",)
    result = model.predict(folder)
    model.save(tmp_path / "line.sieve")
    np.testing.assert_array_equal(load(tmp_path / "line.sieve").predict(folder).maps, result.maps)


def test_tiles_are_in_the_identity_and_whole_images_keep_theirs() -> None:
    def kept(**settings: Any) -> dict[str, Any]:
        return identity(PatchCore(**{**TILED, **settings}).make_extractor())

    assert {"tile": [96, 96], "tile_overlap": 32}.items() <= kept().items()
    assert kept(tile_overlap=64) != kept()
    assert kept(tile=(96, 64)) != kept()
    whole = kept(tile=None)
    assert not {"tile", "tile_overlap"} & whole.keys()
    assert whole == {name: value for name, value in kept().items() if name not in ("tile", "tile_overlap")}


def test_a_cache_serves_the_same_tiles_and_goes_on_after_an_interruption(
    photographs: Photographs, tmp_path: Path
) -> None:
    folder, cache = photographs("line", 9, size=(160, 96)), tmp_path / "cache"
    extractor = PatchCore(**TILED).make_extractor()
    images = read_images(folder)
    embed_cached(extractor, images.with_records(images.records[:4]), cache)
    both = embed_cached(extractor, images, cache)
    assert (both.seconds[:4] == 0).all()
    assert (both.seconds[4:] > 0).all()
    assert torch.equal(both.features.tensor(), extractor.embed(images).features.tensor())
    other = PatchCore(**{**TILED, "tile": 128}).make_extractor()
    assert (embed_cached(other, images, cache).seconds > 0).all()


def test_the_plan_counts_the_patches_of_the_whole_image() -> None:
    model = PatchCore(**{**TILED, "image_size": (320, 480)})
    plan = plan_fit(model, model.make_extractor(), 100)
    assert plan.shape[:2] == (40, 60)
    assert plan.embedding_bytes == 100 * 40 * 60 * plan.shape[2] * 4
    assert plan.tiling is not None
    assert len(plan.tiling) == 5 * 7
    assert plan.bank == 10_000
    assert plan.embedding_seconds > 0


def test_the_plan_counts_images_that_are_large_themselves() -> None:
    def working(side: int) -> int:
        model = PatchCore(image_size=side, crop=None, tile=256, layers=["stage2"], device="cpu", batch_size=4)
        extractor = model.make_extractor()
        # The backbone is not to be run on so many tiles here.
        object.__setattr__(extractor, "forward", lambda batch: batch)
        return dict(plan_fit(model, extractor, 1).stages)["libraries and working memory"]

    assert working(1024) == FIXED_BYTES
    assert working(4096) > 1.5 * FIXED_BYTES


def test_native_is_the_size_that_the_images_have(photographs: Photographs) -> None:
    folder = photographs("line", 6, size=(160, 96))
    model = PatchCore(**{**TILED, "image_size": "native"}).fit(folder)
    assert model.extractor_.preprocessing.image_size == (96, 160)
    with pytest.raises(ConfigError, match="image_size is native, the size of the images: say which images"):
        model.make_extractor()


def test_who_asks_for_tiles_alone_gets_whole_images_in_their_own_size() -> None:
    model = make_detector("softpatch", {"tile": 512})
    assert (model.image_size, model.crop, model.tile_overlap) == ("native", None, 64)
    chosen = make_detector("softpatch", {"tile": 512, "image_size": [600, 800], "crop": None})
    assert chosen.image_size == (600, 800)
    ensemble = make_detector("ensemble", {"tile": 512})
    assert ensemble.image_size == "native"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tile": 16}, "tile is 16 x 16 pixels: at least 32 each way"),
        (
            {"tile": 64, "tile_overlap": 64},
            "tile_overlap is 64: it must be at least 0 and less than the tile",
        ),
        ({"tile": 512, "image_size": 500, "crop": None}, "the frame of 500 x 500 pixels fits into one tile"),
        (
            {"tile": 256, "image_size": "native", "crop": 224},
            "the frame of 224 x 224 pixels fits into one tile",
        ),
        ({"tile": 512, "image_size": 256, "crop": 224}, "give image_size=native and crop=none"),
    ],
)
def test_tiles_that_cannot_be_or_change_nothing_are_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_detector("patchcore", settings)


def test_patch_svdd_needs_no_tiles() -> None:
    with pytest.raises(
        ConfigError, match="patch_svdd looks at every pixel of an image of any size: leave tile out"
    ):
        make_detector("patch_svdd", {"tile": 96, "image_size": 192})


def test_a_file_from_before_tiles_is_a_model_of_whole_images(
    photographs: Photographs, tmp_path: Path
) -> None:
    folder = photographs("line", 6)
    model = PatchCore(image_size=64, crop=None, device="cpu").fit(folder)
    model.save(tmp_path / "line.sieve")
    tensors, header = read_container(tmp_path / "line.sieve")
    assert not {"tile", "tile_overlap"} & header["extractor"].keys()
    for name in ("tile", "tile_overlap"):
        del header["config"][name]
    write_container(tmp_path / "old.sieve", tensors, header)
    old = load(tmp_path / "old.sieve", device="cpu")
    assert old.tile is None
    assert old.extractor_.tiling is None
    np.testing.assert_array_equal(old.predict(folder).scores, model.predict(folder).scores)
