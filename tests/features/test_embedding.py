"""The aggregation against its definition, written out position by position in NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.errors import ConfigError
from patchsieve.features import PatchAggregation

Maps = npt.NDArray[np.float64]


def neighbourhood_mean(layer: Maps, size: int, stride: int) -> Maps:
    """Mean over the positions of the size x size window that lie on the map, at every stride-th position."""
    height, width = layer.shape[2:]
    reach = size // 2
    rows, columns = range(0, height, stride), range(0, width, stride)
    return np.stack(
        [
            np.stack(
                [
                    layer[:, :, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].mean(
                        axis=(2, 3)
                    )
                    for x in columns
                ],
                axis=2,
            )
            for y in rows
        ],
        axis=2,
    )


def interpolation(before: int, after: int) -> npt.NDArray[np.float64]:
    """Matrix `[after, before]` of linear interpolation between pixel centres, held constant beyond the last."""
    matrix = np.zeros((after, before))
    for row in range(after):
        position = np.clip((row + 0.5) * before / after - 0.5, 0, before - 1)
        low = int(np.floor(position))
        high = min(low + 1, before - 1)
        matrix[row, low] += 1 - (position - low)
        matrix[row, high] += position - low
    return matrix


def pooled(channels: Maps, dims: int) -> Maps:
    """Mean of the channels from floor(i C / D) to ceil((i + 1) C / D), for each of D outputs."""
    count = channels.shape[-1]
    return np.stack(
        [
            channels[..., index * count // dims : -(-(index + 1) * count // dims)].mean(axis=-1)
            for index in range(dims)
        ],
        axis=-1,
    )


def plainly(layers: list[Maps], size: int, stride: int, dims: int | None) -> Maps:
    means = [neighbourhood_mean(layer, size, stride) for layer in layers]
    height, width = max((mean.shape[2:] for mean in means), key=lambda grid: grid[0] * grid[1])
    aligned = [
        np.einsum(
            "yh,bchw,xw->byxc",
            interpolation(mean.shape[2], height),
            mean,
            interpolation(mean.shape[3], width),
        )
        for mean in means
    ]
    patches = np.concatenate(aligned, axis=3)
    return patches if dims is None else pooled(patches, dims)


def layers(*shapes: tuple[int, int, int, int], seed: int = 0) -> list[Maps]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32).astype(np.float64) for shape in shapes]


def aggregated(aggregation: PatchAggregation, maps: list[Maps]) -> npt.NDArray[np.float32]:
    patches = aggregation([torch.from_numpy(layer).float() for layer in maps])
    assert patches.dtype == torch.float32
    assert patches.is_contiguous()
    return patches.numpy()


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    grids=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3
    ),
    size=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    dims=st.none() | st.integers(1, 12),
)
def test_patches_are_those_of_the_definition(
    batch: int, grids: list[tuple[int, int, int]], size: int, stride: int, dims: int | None
) -> None:
    maps = layers(*((batch, *grid) for grid in grids))
    expected = plainly(maps, size, stride, dims)
    np.testing.assert_allclose(
        aggregated(PatchAggregation(size, stride, dims), maps), expected, rtol=1e-5, atol=1e-5
    )


def test_a_papers_pair_of_layers_comes_to_the_finer_grid() -> None:
    maps = layers((2, 5, 28, 28), (2, 9, 14, 14))
    patches = aggregated(PatchAggregation(), maps)
    assert patches.shape == (2, 28, 28, 14)
    np.testing.assert_allclose(patches, plainly(maps, 3, 1, None), rtol=1e-5, atol=1e-5)


def test_the_finer_grid_wins_in_any_order_of_layers() -> None:
    coarse, fine = layers((1, 3, 4, 6), (1, 2, 8, 12))
    patches = aggregated(PatchAggregation(), [coarse, fine])
    assert patches.shape == (1, 8, 12, 5)
    np.testing.assert_allclose(patches, plainly([coarse, fine], 3, 1, None), rtol=1e-5, atol=1e-5)


def test_a_constant_map_stays_constant_up_to_the_border() -> None:
    patches = aggregated(PatchAggregation(patch_size=5), [np.full((1, 2, 6, 7), 3.0)])
    np.testing.assert_allclose(patches, 3.0, rtol=1e-6)


def test_a_patch_size_of_one_leaves_a_single_layer_as_it_is() -> None:
    (layer,) = layers((2, 4, 5, 6))
    np.testing.assert_array_equal(
        aggregated(PatchAggregation(patch_size=1), [layer]), layer.transpose(0, 2, 3, 1).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patch_size": 2}, "patch_size is 2.*odd"),
        ({"grid": (0, 4)}, "grid is .0, 4.*at least 1"),
        ({"patch_size": 0}, "patch_size is 0"),
        ({"patch_stride": 0}, "patch_stride is 0"),
        ({"dims": 0}, "dims is 0"),
    ],
)
def test_what_cannot_work_is_said(settings: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PatchAggregation(**settings)


def antialiased(before: int, after: int) -> npt.NDArray[np.float64]:
    """Matrix `[after, before]` of linear interpolation whose triangle is as wide as the step to a coarser grid."""
    scale = max(1.0, before / after)
    centres = (np.arange(after) + 0.5) * before / after
    weights = np.clip(1 - np.abs(np.arange(before) + 0.5 - centres[:, None]) / scale, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("grid", [(4, 6), (7, 9), (3, 12)])
def test_all_layers_come_to_the_grid_that_is_asked_for(grid: tuple[int, int]) -> None:
    fine, coarse = layers((2, 3, 8, 12), (2, 2, 4, 6))
    patches = aggregated(PatchAggregation(patch_size=1, grid=grid), [fine, coarse])
    assert patches.shape == (2, *grid, 5)
    for layer, channels in ((fine, patches[..., :3]), (coarse, patches[..., 3:])):
        height, width = layer.shape[2:]
        if height * width > grid[0] * grid[1]:
            rows, columns = antialiased(height, grid[0]), antialiased(width, grid[1])
        else:
            rows, columns = interpolation(height, grid[0]), interpolation(width, grid[1])
        expected = np.einsum("yh,bchw,xw->byxc", rows, layer, columns)
        np.testing.assert_allclose(channels, expected, rtol=1e-4, atol=1e-5)
