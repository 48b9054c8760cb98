"""Features read from a file are those that a tensor in memory would give."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import PatchSieveError
from patchsieve.features import PatchFeatures
from patchsieve.features.feature_file import FeatureFile

SHAPE = (7, 5, 6, 3)
DTYPES = [torch.float32, torch.float16]


def values(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.fixture(scope="module", params=DTYPES, ids=str)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PatchFeatures, ...]:
    """The same features in a file and in memory."""
    data = values(request.param)
    file = tmp_path_factory.mktemp("features") / "features"
    # What stands behind the last row does not concern a reader.
    file.write_bytes(data.numpy().tobytes() + b"more")
    return PatchFeatures(FeatureFile(file, request.param, SHAPE)), PatchFeatures(data)


rows = st.none() | st.lists(st.integers(0, SHAPE[0] - 1), min_size=1, max_size=9)


@given(images=rows, data=st.data())
def test_every_way_of_reading_is_that_of_a_tensor(
    pair: tuple[PatchFeatures, ...], images: list[int] | None, data: st.DataObject
) -> None:
    filed, kept = pair if images is None else (one.take(np.array(images)) for one in pair)
    assert filed.shape == kept.shape
    assert filed.nbytes == kept.nbytes
    assert torch.equal(filed.tensor(), kept.tensor())
    assert filed.tensor().dtype == torch.float32
    first, last = sorted((data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))))
    assert torch.equal(filed.positions(first, last), kept.positions(first, last))
    chosen = torch.tensor(data.draw(st.lists(st.integers(0, 30 * len(kept) - 1))), dtype=torch.int64)
    assert torch.equal(filed.patches(chosen), kept.patches(chosen))


def test_nothing_of_a_file_counts_as_memory(pair: tuple[PatchFeatures, ...]) -> None:
    filed, kept = pair
    assert filed.resident_bytes == 0
    assert kept.resident_bytes == kept.tensor().nbytes or kept.resident_bytes == kept.nbytes // 2


def test_a_file_that_became_shorter_is_said(tmp_path: Path) -> None:
    file = tmp_path / "features"
    file.write_bytes(values(torch.float32).numpy().tobytes())
    features = PatchFeatures(FeatureFile(file, torch.float32, SHAPE))
    file.write_bytes(file.read_bytes()[:-4])
    assert torch.equal(features.images(0, 6), values(torch.float32)[:6])
    with pytest.raises(PatchSieveError, match=r"features has become shorter while it was read"):
        features.images(6, 7)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PatchSieveError, match=r"cannot read the features in .*: No such file"):
        FeatureFile(tmp_path / "features", torch.float32, SHAPE)


def test_a_file_much_larger_than_the_memory_is_read(tmp_path: Path) -> None:
    """1 TiB, of which the last image and one position of the last three were written."""
    images, file = 2**16, tmp_path / "features"
    shape = (images, 64, 64, 1024)
    with file.open("wb") as stream:
        stream.truncate(4 * int(np.prod(shape, dtype=np.int64)))
        for image in range(images - 3, images):
            stream.seek(4 * 1024 * (image * 64 * 64 + 65))
            stream.write(np.full(1024, image, dtype=np.float32).tobytes())
    features = PatchFeatures(FeatureFile(file, torch.float32, shape)).take(np.arange(images - 3, images))
    assert features.positions(65, 66)[0, :, 5].tolist() == [images - 3, images - 2, images - 1]
    assert features.patches(torch.tensor([2 * 64 * 64 + 65, 65]))[:, 0].tolist() == [images - 1, images - 3]
    assert features.images(2, 3)[0, 1, 1, 9] == images - 1
