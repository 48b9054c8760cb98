"""Patch features read a part at a time are those of the tensor behind them."""

import numpy as np
import pytest
import torch

from patchsieve.features import PatchFeatures

IMAGES = [None, [3, 0, 0, 6]]


def values(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(7, 3, 4, 5, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("images", IMAGES)
def test_every_way_of_reading_gives_the_same_values(images: list[int] | None, dtype: torch.dtype) -> None:
    data = values(dtype)
    features = PatchFeatures(data, None if images is None else np.array(images))
    expected = (data if images is None else data[images]).float()
    count = len(expected)
    assert len(features) == count
    assert features.shape == (count, 3, 4, 5)
    assert features.nbytes == expected.nbytes
    assert torch.equal(features.tensor(), expected)
    assert torch.equal(features.images(1, 3), expected[1:3])
    assert torch.equal(torch.cat(list(features.batches(2))), expected)
    flat = expected.reshape(count, 12, 5)
    assert torch.equal(features.positions(2, 9), flat[:, 2:9].transpose(0, 1))
    chosen = torch.tensor([0, 5, 12 * count - 1, 5])
    assert torch.equal(features.patches(chosen), expected.reshape(-1, 5)[chosen])


def test_a_part_of_a_part_is_a_part() -> None:
    part = PatchFeatures(values()).take(np.array([6, 2, 4])).take(np.array([2, 0]))
    assert torch.equal(part.tensor(), values()[[4, 6]])


def test_all_of_a_tensor_in_memory_is_that_tensor() -> None:
    data = values()
    assert PatchFeatures(data).tensor().data_ptr() == data.data_ptr()


def test_the_layers_of_the_channels_are_kept_with_every_part() -> None:
    features = PatchFeatures(torch.zeros(3, 2, 2, 5), layer_channels=(2, 3))
    assert features.take(np.array([1])).layer_channels == (2, 3)
    assert features.in_memory().layer_channels == (2, 3)
    assert PatchFeatures(torch.zeros(3, 2, 2, 5)).layer_channels == (5,)


def test_layers_that_do_not_make_up_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="5 channels"):
        PatchFeatures(torch.zeros(3, 2, 2, 5), layer_channels=(2, 2))


@pytest.mark.parametrize(("read", "each"), [(100, 100), (5, 2), (4, 4), (3, 7), (12, 5)])
def test_work_by_positions_gets_every_position_once_in_order(read: int, each: int) -> None:
    features = PatchFeatures(values()).take(np.array([6, 2, 4]))
    found = list(features.map_positions(lambda block: block, read=read, each=each))
    flat = values()[[6, 2, 4]].reshape(3, 12, 5).transpose(0, 1)
    assert [block.start for block, _ in found] == [0, *(block.stop for block, _ in found[:-1])]
    assert all(torch.equal(part, flat[block]) for block, part in found)
    assert torch.equal(torch.cat([part for _, part in found]), flat)
    assert max(len(part) for _, part in found) <= min(read, each)


def test_what_is_built_from_patches_here_is_one_part() -> None:
    features = PatchFeatures(values()).take(np.array([6, 2]))
    wanted = torch.tensor([3, 23, 12])
    group = features.spread(wanted, 2, lambda read, first, count: (read(1, count), first))
    group.tell(lambda part: part[0].mul_(2))
    [(patches, first)] = group.ask(lambda part: part)
    assert torch.equal(patches, 2 * features.patches(wanted)[1:])
    assert first == 0
