"""The cache's folder: what is written is found again, and what is broken does no harm."""

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from patchsieve.errors import ConfigError, PatchSieveError
from patchsieve.features.cache import FeatureCache

IDENTITY: dict[str, object] = {"backbone": "drawn", "layers": ["a"]}
SHAPE = (3, 4, 5)
ROW_BYTES = 4 * 3 * 4 * 5
CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache", IDENTITY, SHAPE)


def names(first: int, last: int) -> list[str]:
    return [hashlib.sha256(str(index).encode()).hexdigest() for index in range(first, last)]


def values(first: int, last: int) -> torch.Tensor:
    """Features that belong to the images of these numbers."""
    made = [
        torch.randn(SHAPE, generator=torch.Generator().manual_seed(index)) for index in range(first, last)
    ]
    return torch.stack(made)


def add(cache: FeatureCache, first: int, last: int) -> None:
    sizes = np.array([[100 + index, 200 + index] for index in range(first, last)])
    cache.add(names(first, last), sizes, values(first, last))


def assert_holds(cache: FeatureCache, first: int, last: int) -> None:
    found = cache.find(names(first, last))
    assert list(found) == names(first, last)
    assert [(row.height, row.width) for row in found.values()] == [
        (100 + index, 200 + index) for index in range(first, last)
    ]
    assert torch.equal(cache.features(list(found.values()), CPU).tensor(), values(first, last))


def test_what_is_added_is_found_again_in_any_order(cache: FeatureCache, tmp_path: Path) -> None:
    add(cache, 0, 3)
    add(cache, 3, 8)
    assert_holds(cache, 0, 8)
    again = FeatureCache(str(tmp_path / "cache"), IDENTITY, SHAPE)
    assert_holds(again, 2, 7)
    wanted = [names(6, 7)[0], "not there", names(1, 2)[0]]
    rows = again.find(wanted)
    assert list(rows) == [wanted[0], wanted[2]]
    features = again.features(list(rows.values()), CPU)
    assert torch.equal(features.tensor(), values(0, 8)[[6, 1]])
    assert torch.equal(features.positions(5, 7), values(0, 8)[[6, 1]].view(2, 12, 5)[:, 5:7].transpose(0, 1))


def test_half_the_space_keeps_three_digits(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, IDENTITY, SHAPE, "float16")
    add(cache, 0, 4)
    assert (cache.folder / "features").stat().st_size == 4 * ROW_BYTES // 2
    kept = cache.features(list(cache.find(names(0, 4)).values()), CPU).tensor()
    assert kept.dtype == torch.float32
    assert torch.equal(kept, values(0, 4).half().float())


def test_numbers_too_large_for_float16_are_refused_and_float32_takes_them(tmp_path: Path) -> None:
    large = torch.full((1, *SHAPE), 7e4)
    sizes = np.array([[1, 1]])
    half = FeatureCache(tmp_path, IDENTITY, SHAPE, "float16")
    with pytest.raises(ConfigError, match=r"too large for float16; keep them as float32 \(--cache-dtype\)"):
        half.add(names(0, 1), sizes, large)
    assert not half.find(names(0, 1))
    whole = FeatureCache(tmp_path, IDENTITY, SHAPE)
    whole.add(names(0, 1), sizes, large)
    assert torch.equal(whole.features(list(whole.find(names(0, 1)).values()), CPU).tensor(), large)


def test_an_unknown_kind_of_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cache_dtype is 'int8'; choose one of float32, float16"):
        FeatureCache(tmp_path / "cache", IDENTITY, SHAPE, "int8")
    assert not list(tmp_path.iterdir())


def test_every_identity_and_kind_of_numbers_has_a_folder_that_says_which(tmp_path: Path) -> None:
    caches = [
        FeatureCache(tmp_path, IDENTITY, SHAPE),
        FeatureCache(tmp_path, {**IDENTITY, "layers": ["b"]}, SHAPE),
        FeatureCache(tmp_path, IDENTITY, SHAPE, "float16"),
    ]
    assert len({cache.folder for cache in caches}) == len(list(tmp_path.iterdir())) == 3
    told = [json.loads((cache.folder / "identity.json").read_text()) for cache in caches]
    assert [(one["layers"], one["dtype"]) for one in told] == [
        (["a"], "float32"),
        (["b"], "float32"),
        (["a"], "float16"),
    ]
    add(caches[0], 0, 2)
    assert not caches[1].find(names(0, 2))
    reordered = dict(reversed(IDENTITY.items()))
    assert_holds(FeatureCache(tmp_path, reordered, SHAPE), 0, 2)


def test_an_image_that_is_there_keeps_its_row(cache: FeatureCache) -> None:
    add(cache, 0, 4)
    before = cache.find(names(0, 4))
    add(cache, 2, 6)
    assert cache.find(names(0, 4)) == before
    assert_holds(cache, 0, 6)


@pytest.mark.parametrize("rest", [1, ROW_BYTES - 1, ROW_BYTES, 5 * ROW_BYTES + 7])
def test_what_stands_behind_the_last_row_of_the_index_is_written_over(cache: FeatureCache, rest: int) -> None:
    """So an interruption leaves a file: written, and not yet in the index."""
    add(cache, 0, 3)
    with (cache.folder / "features").open("ab") as stream:
        stream.write(b"\xff" * rest)
    assert_holds(cache, 0, 3)
    assert not cache.find(names(3, 6))
    add(cache, 3, 6)
    assert_holds(cache, 0, 6)


@pytest.mark.parametrize("length", [0, 2 * ROW_BYTES, 3 * ROW_BYTES - 1])
@pytest.mark.parametrize("first", [0, 5])
def test_rows_that_were_cut_off_are_made_again_and_no_zeros_stand_in_their_place(
    cache: FeatureCache, length: int, first: int
) -> None:
    add(cache, 0, 5)
    os.truncate(cache.folder / "features", length)
    left = length // ROW_BYTES
    assert list(cache.find(names(0, 5))) == names(0, left)
    # Another image, or the first of the missing, is the first that is written afterwards.
    start = max(first, left)
    add(cache, start, start + 2)
    known = cache.find(names(0, 9))
    assert sorted(known) == sorted({*names(0, left), *names(start, start + 2)})
    for index in range(9):
        for row in cache.find(names(index, index + 1)).values():
            assert torch.equal(cache.features([row], CPU).tensor(), values(index, index + 1))


def test_a_lost_index_costs_the_rows_and_nothing_else(cache: FeatureCache, tmp_path: Path) -> None:
    add(cache, 0, 5)
    (cache.folder / "index.sqlite").unlink()
    again = FeatureCache(tmp_path / "cache", IDENTITY, SHAPE)
    assert not again.find(names(0, 5))
    add(again, 3, 6)
    assert_holds(again, 3, 6)


def test_a_damaged_index_is_said_with_what_to_do(cache: FeatureCache, tmp_path: Path) -> None:
    add(cache, 0, 2)
    (cache.folder / "index.sqlite").write_bytes(b"not what it was" * 100)
    said = f"the cache {cache.folder} is damaged: file is not a database; delete this folder"
    for use in (
        lambda: FeatureCache(tmp_path / "cache", IDENTITY, SHAPE),
        lambda: cache.find(names(0, 2)),
        lambda: add(cache, 2, 3),
    ):
        with pytest.raises(PatchSieveError) as raised:
            use()
        assert str(raised.value) == said
    shutil.rmtree(cache.folder)
    add(FeatureCache(tmp_path / "cache", IDENTITY, SHAPE), 0, 2)
    assert_holds(cache, 0, 2)


def test_a_folder_that_cannot_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PatchSieveError, match=r"cannot use the cache .*: not a directory; "):
        FeatureCache(tmp_path / "file", IDENTITY, SHAPE)
    place = FeatureCache(tmp_path / "cache", IDENTITY, SHAPE).folder
    shutil.rmtree(place)
    place.write_text("in the way")
    with pytest.raises(PatchSieveError, match=rf"cannot use the cache {place}: file exists; .* name another"):
        FeatureCache(tmp_path / "cache", IDENTITY, SHAPE)


def test_a_folder_that_is_gone_is_said(cache: FeatureCache) -> None:
    shutil.rmtree(cache.folder)
    for use in (lambda: cache.find(names(0, 2)), lambda: add(cache, 0, 2)):
        with pytest.raises(PatchSieveError, match="cannot use the cache"):
            use()


def test_a_disk_too_small_is_said_before_the_work(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 * ROW_BYTES))
    cache.require_space(10)
    with pytest.raises(
        PatchSieveError, match=r"the features of 11 images take 0\.0 GiB and .* --cache-dtype"
    ):
        cache.require_space(11)


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """No file can become larger than so many bytes: what a full disk looks like to whoever writes a larger one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_fills_up_keeps_what_was_there_before(
    cache: FeatureCache, full_disk: Callable[[int], None], tmp_path: Path
) -> None:
    # More than the index takes.
    many = 40_000 // ROW_BYTES
    add(cache, 0, many)
    full_disk(many * ROW_BYTES + 100)
    with pytest.raises(
        PatchSieveError, match=r"cannot use the cache .*: file too large; what it holds is not"
    ):
        add(cache, many, many + 3)
    assert_holds(cache, 0, many)
    assert not cache.find(names(many, many + 3))
    full_disk(10**6)
    add(cache, many, many + 3)
    assert_holds(FeatureCache(tmp_path / "cache", IDENTITY, SHAPE), 0, many + 3)


def test_another_one_who_is_writing_is_waited_for(cache: FeatureCache) -> None:
    add(cache, 0, 2)
    other = sqlite3.connect(cache.folder / "index.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    assert_holds(cache, 0, 2)
    done = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    done.start()
    add(cache, 2, 4)
    assert not done.is_alive()
    other.close()
    assert_holds(cache, 0, 4)


def test_a_temporary_cache_goes_with_the_last_that_reads_from_it() -> None:
    cache = FeatureCache(None, IDENTITY, SHAPE)
    folder = cache.folder
    add(cache, 0, 3)
    features = cache.features(list(cache.find(names(0, 3)).values()), CPU).take(np.array([2, 1]))
    del cache
    assert folder.exists()
    assert torch.equal(features.tensor(), values(0, 3)[[2, 1]])
    del features
    assert not folder.parent.exists()
