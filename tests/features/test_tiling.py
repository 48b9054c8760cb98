"""Tiles: where they lie, how they are cut out, and how their maps become one without a seam."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from patchsieve.errors import ConfigError
from patchsieve.features import FeatureExtractor, Tiling, make_extractor
from patchsieve.features.tiling import layer_strides

Array = npt.NDArray[np.float64]

STEP = 8
# (frame, tile, overlap) in cells of 8 pixels, and pixels that the frame has beyond whole cells.
SIZES = st.tuples(st.integers(4, 40), st.integers(4, 12), st.integers(0, 8), st.integers(0, STEP - 1)).filter(
    lambda sizes: sizes[2] < sizes[1]
)


def texture(height: int, width: int, seed: int) -> torch.Tensor:
    """Draw a surface that looks alike everywhere, with what is coarse and what is fine: float32 `[3, h, w]`."""
    noise = np.random.default_rng(seed)
    grey = sum(scale * gaussian_filter(noise.normal(size=(height, width)), scale) for scale in (1, 3, 10))
    return torch.from_numpy(np.stack([0.6 * np.asarray(grey)] * 3)).float()


@given(SIZES)
def test_tiles_cover_the_frame_with_the_overlap_and_no_more_of_them_than_that_takes(
    sizes: tuple[int, int, int, int],
) -> None:
    cells, side, overlap, beyond = sizes
    frame, tile = STEP * cells + beyond, STEP * side
    tiling = Tiling.of((frame, STEP * 4), (tile, STEP * 4), STEP * overlap, [(STEP, STEP), (STEP // 2, STEP)])
    starts = tiling.rows
    height = tiling.tile[0]
    assert starts[0] == 0
    assert frame <= starts[-1] + height < frame + STEP
    assert all(start % STEP == 0 for start in starts)
    pairs = list(pairwise(starts))
    assert all(first + height - second >= STEP * overlap for first, second in pairs)
    # One fewer would leave something uncovered.
    assert len(starts) == 1 or frame > height + (len(starts) - 2) * (height - STEP * overlap)
    assert tiling.columns == (0,)
    assert len(tiling) == len(starts)


@settings(deadline=None)
@given(SIZES, SIZES)
def test_tiles_are_cut_as_numpy_cuts_them(
    down: tuple[int, int, int, int], across: tuple[int, int, int, int]
) -> None:
    frame = STEP * down[0] + down[3], STEP * across[0] + across[3]
    tiling = Tiling.of(
        frame, (STEP * down[1], STEP * across[1]), STEP * min(down[2], across[2], down[1] - 1, across[1] - 1),
        [(STEP, STEP)],
    )  # fmt: skip
    images = torch.rand(2, 3, *frame, generator=torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (0, STEP), (0, STEP)), mode="edge")
    height, width = tiling.tile
    expected = [
        image[:, row : row + height, column : column + width]
        for image in padded
        for row in tiling.rows
        for column in tiling.columns
    ]
    assert np.array_equal(tiling.cut(images).numpy(), np.stack(expected))


def stitched_one_by_one(tiling: Tiling, maps: Array, stride: int) -> Array:
    """Stitch the maps of one image's tiles `[T, C, y, x]` cell by cell."""
    tiles, channels, height, width = maps.shape
    rows, columns = -(-tiling.frame[0] // stride), -(-tiling.frame[1] // stride)
    whole = np.zeros((channels, rows, columns))

    def closeness(place: float, length: int, start: int, starts: tuple[int, ...]) -> float:
        from_first = np.inf if start == starts[0] else place
        to_last = np.inf if start == starts[-1] else length - place
        return min(from_first, to_last, length)

    for row in range(rows):
        for column in range(columns):
            total = 0.0
            for number in range(tiles):
                top = tiling.rows[number // len(tiling.columns)]
                left = tiling.columns[number % len(tiling.columns)]
                y, x = row - top // stride, column - left // stride
                if 0 <= y < height and 0 <= x < width:
                    weight = closeness(y + 0.5, height, top, tiling.rows)
                    weight *= closeness(x + 0.5, width, left, tiling.columns)
                    whole[:, row, column] += weight * maps[number, :, y, x]
                    total += weight
            whole[:, row, column] /= total
    return whole


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("frame", [(96, 200), (100, 203), (64, 64), (250, 64)])
def test_stitching_is_a_mean_weighted_by_the_distance_from_the_edge_of_the_tile(
    frame: tuple[int, int], stride: int
) -> None:
    tiling = Tiling.of(frame, (64, 80), 24, [(8, 8), (16, 16)])
    cells = tiling.tile[0] // stride, tiling.tile[1] // stride
    maps = torch.rand(2 * len(tiling), 5, *cells, generator=torch.Generator().manual_seed(0))
    found = tiling.stitch(maps)
    assert tuple(found.shape[2:]) == tiling.grid(tiling.tile, cells)
    for image, tiles in zip(found, torch.split(maps, len(tiling)), strict=True):
        expected = stitched_one_by_one(tiling, tiles.double().numpy(), stride)
        np.testing.assert_allclose(image.numpy(), expected, rtol=0, atol=1e-6)


@settings(deadline=None)
@given(SIZES, SIZES)
def test_a_network_that_looks_no_farther_than_a_cell_gives_the_same_in_any_tiles(
    down: tuple[int, int, int, int], across: tuple[int, int, int, int]
) -> None:
    frame = STEP * down[0], STEP * across[0]
    tiling = Tiling.of(
        frame, (STEP * down[1], STEP * across[1]), STEP * min(down[2], across[2], down[1] - 1, across[1] - 1),
        [(STEP, STEP)],
    )  # fmt: skip
    image = torch.rand(1, 3, *frame, generator=torch.Generator().manual_seed(0))
    found = tiling.stitch(functional.max_pool2d(tiling.cut(image), STEP))
    torch.testing.assert_close(found, functional.max_pool2d(image, STEP), rtol=0, atol=1e-6)


def extractor(frame: tuple[int, int], tile: int | None, overlap: int = 64) -> FeatureExtractor:
    return make_extractor(
        backbone="efficientnet_lite0",
        image_size=frame,
        crop=None,
        tile=tile,
        tile_overlap=overlap,
        device="cpu",
        batch_size=4,
    )


def steps(features: torch.Tensor) -> Array:
    """Return how much neighbouring columns of `[N, H, W, C]` differ on average, `[W - 1]`."""
    differences = torch.linalg.vector_norm(features.diff(dim=2), dim=3)
    mean: Array = differences.double().mean(dim=(0, 1)).numpy()
    return mean


def test_there_is_no_step_where_one_tile_ends_unless_they_do_not_overlap() -> None:
    images = torch.stack([texture(256, 512, seed) for seed in range(6)])
    whole = steps(extractor((256, 512), None).forward(images))
    inner = slice(4, -4)
    overlapping = extractor((256, 512), 320)
    assert overlapping.tiling is not None
    assert overlapping.tiling.columns == (0, 192)
    faded = steps(overlapping.forward(images)) / whole
    assert 0.95 < faded[inner].min() <= faded[inner].max() < 1.05
    cut = steps(extractor((256, 512), 256, overlap=0).forward(images)) / whole
    # The tiles meet behind column 31; a patch is the mean of a neighbourhood.
    assert 28 < cut[inner].argmax() + inner.start < 35
    assert cut[inner].max() > 1.25


def test_a_frame_within_one_tile_is_the_whole_image() -> None:
    whole, tiled = (extractor((128, 192), tile) for tile in (None, 192))
    assert tiled.tile is None
    images = torch.stack([texture(128, 192, 0)])
    assert torch.equal(whole.forward(images), tiled.forward(images))


def test_a_frame_that_is_longer_than_a_tile_one_way_only_is_no_larger_the_other_way() -> None:
    tiled = extractor((96, 300), 128, overlap=32)
    assert tiled.tiling is not None
    assert tiled.tiling.tile == (96, 128)
    assert tiled.tiling.rows == (0,)
    assert tiled.shape[:2] == (12, 38)
    assert tuple(tiled.forward(torch.zeros(2, 3, 96, 300)).shape) == (2, *tiled.shape)


class Counting:
    """A backbone that notes how many images it was given each time."""

    def __init__(self, backbone: object) -> None:
        self.backbone = backbone
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        self.calls.append(tuple(images.shape))
        layers: list[torch.Tensor] = self.backbone(images)  # type: ignore[operator]
        return layers

    def __getattr__(self, name: str) -> object:
        return getattr(self.backbone, name)


@pytest.mark.parametrize(("batch_size", "frame", "at_once"), [(1, 512, 1), (3, 512, 1), (64, 160, 16)])
def test_no_more_tiles_are_in_work_than_a_batch_has(batch_size: int, frame: int, at_once: int) -> None:
    tiled = make_extractor(
        backbone="efficientnet_lite0",
        layers=["stage2"],
        image_size=frame,
        crop=None,
        tile=128,
        tile_overlap=32,
        device="cpu",
        batch_size=batch_size,
    )
    counting = Counting(tiled.backbone)
    object.__setattr__(tiled, "backbone", counting)
    assert tiled.images_at_once == at_once
    assert tiled.tiling is not None
    counting.calls.clear()
    features = tiled.forward(torch.zeros(2, 3, frame, frame))
    assert features.shape == (2, *tiled.shape)
    assert {call[1:] for call in counting.calls} == {(3, 128, 128)}
    assert sum(call[0] for call in counting.calls) == 2 * len(tiled.tiling)
    assert max(call[0] for call in counting.calls) <= min(batch_size, 4)


def test_the_number_of_tiles_in_work_changes_nothing_but_rounding() -> None:
    images = torch.stack([texture(192, 320, seed) for seed in range(2)])
    found = [
        make_extractor(
            backbone="efficientnet_lite0",
            image_size=(192, 320),
            crop=None,
            tile=128,
            tile_overlap=32,
            device="cpu",
            batch_size=size,
        ).forward(images)
        for size in (1, 3, 32)
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-5 * float(found[0].abs().max()))


def refused(**changed: object) -> str:
    settings: dict[str, object] = {
        "backbone": "efficientnet_lite0", "image_size": 600, "crop": None, "tile": 128, "device": "cpu"
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        _ = make_extractor(**(settings | changed)).tiling  # type: ignore[arg-type]
    return str(caught.value)


def test_what_cannot_be_tiled_so_is_said_with_a_way_out() -> None:
    assert "at least 32 each way" in refused(tile=(128, 24))
    assert "tile_overlap is 128: it must be at least 0 and less than the tile" in refused(tile_overlap=128)
    assert "tile_overlap is -1" in refused(tile_overlap=-1)
    assert "such as tile=512" in refused(tile=500)
    assert "such as tile=512x288" in refused(tile=(512, 270))
    assert "overlap by at most 96; choose a smaller overlap or a larger tile" in refused(tile_overlap=100)


@pytest.mark.parametrize(
    ("tile", "cells", "multiple"),
    [((500, 500), (35, 35), "504"), ((500, 500), (63, 63), "504"), ((512, 500), (32, 32), "512")],
)
def test_the_stride_is_guessed_from_the_cells_that_a_network_makes(
    tile: tuple[int, int], cells: tuple[int, int], multiple: str
) -> None:
    with pytest.raises(ConfigError, match=f"such as tile={multiple}$"):
        layer_strides(tile, [cells])
