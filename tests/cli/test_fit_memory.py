"""The memory budget and the cache on the command line: what is planned, what is kept, what is refused."""

import re
import shutil

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from patchsieve.cli.settings import memory
from patchsieve.detectors import budget
from patchsieve.errors import ConfigError

UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]), st.booleans())
def test_sizes_are_read_as_people_write_them(number, unit, space, lower):
    text = f"{number}{space}{unit}"
    assert memory(text.lower() if lower else text) == number * UNITS[unit]


@given(st.text().filter(lambda text: not text.strip()[:1].isdecimal() and not text.strip().startswith(".")))
def test_what_is_no_size_is_refused_in_words(text):
    with pytest.raises(ConfigError, match="is not a size such as 4GiB or 1500MB") as refused:
        memory(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "GiB", "1,5GiB", "4GiB and more", "4 Gi B", "1.2.3GiB", "4XiB", "0x10", "1e9"]
)
def test_half_a_size_is_none(text):
    with pytest.raises(ConfigError, match="is not a size such as"):
        memory(text)


def test_a_budget_is_kept_in_the_configuration_as_bytes(patchsieve, tmp_path):
    path = tmp_path / "line7.yaml"
    path.write_text("memory_budget: 3GiB\nbank_size: 500\nprecision: bfloat16\n")
    printed = yaml.safe_load(patchsieve("fit", "--print-config", "--config", path).out)
    assert (printed["memory_budget"], printed["bank_size"], printed["precision"]) == (
        3 * 2**30,
        500,
        "bfloat16",
    )
    path.write_text(yaml.safe_dump(printed))
    again = patchsieve(
        "fit", "--print-config", "--config", path, "--memory-budget", "2.5GiB", "--bank-size", 7
    )
    changed = {"memory_budget": 5 * 2**29, "bank_size": 7}
    assert yaml.safe_load(again.out) == printed | changed
    assert yaml.safe_load(patchsieve("fit", "--print-config").out)["memory_budget"] is None


def plan_of(finished):
    """Return what the plan says, the first time that it names something."""
    rows = [line.split("  ", 1) for line in finished.err.splitlines()]
    return {name: text.strip() for name, text in reversed([row for row in rows if len(row) == 2])}


def embedded(finished):
    """Say whether there was a stage of extraction."""
    return re.search(r"^embedding +━", finished.err, re.MULTILINE) is not None


def assert_same_model(first, second):
    tensors, same = load_file(first), load_file(second)
    assert tensors.keys() == same.keys()
    for key in tensors.keys() - {"training.seconds"}:
        assert tensors[key].tobytes() == same[key].tobytes(), key


def test_the_plan_comes_before_the_work_and_the_bank_is_as_small_as_asked(patchsieve, unsorted, tmp_path):
    model = tmp_path / "line7.sieve"
    options = ["--memory-budget", "3GiB", "--bank-size", 100, "--out", model]
    finished = patchsieve("fit", unsorted, *options, small=True)
    assert finished.code == 0
    plan = plan_of(finished)
    assert plan["images"] == "28, each 8 x 8 patches of 232 channels"
    assert plan["memory bank"] == "about 100 patches"
    assert "; the budget is 3.0 GiB, " in plan["memory at most"]
    assert "embeddings on disk" not in plan
    assert "shards" not in finished.err
    assert finished.err.index("memory at most") < finished.err.index("model: ")
    assert load_file(model)["bank.features"].shape == (100, 232)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line7.html", "line7.sieve"]


def test_shards_are_owned_up_to_and_a_budget_that_cannot_be_kept_is_warned_of(
    patchsieve, unsorted, tmp_path, monkeypatch
):
    monkeypatch.setattr(budget, "FIXED_BYTES", 2**31)
    monkeypatch.setattr("patchsieve.detectors.plan.FIXED_BYTES", 2**31)
    monkeypatch.setattr(budget, "_LEAST", 500_000)
    options = ["--memory-budget", "2GiB", "--bank-size", 20, "--detector", "patchcore"]
    finished = patchsieve("fit", unsorted, *options, "--out", tmp_path / "line7.sieve", small=True)
    assert finished.code == 0
    said = (
        "about 20 patches, chosen in 3 shards: close to the greedy choice, not the same; --coreset greedy is exact "
        "with enough memory"
    )
    assert plan_of(finished)["memory bank"] == said
    assert "coreset of shard 3 of 3" in finished.err
    assert "this may not fit into memory: use a smaller --bank-size" in finished.err


def test_a_cache_is_filled_once_and_serves_other_settings(patchsieve, unsorted, tmp_path):
    first, second, plain = (tmp_path / f"{name}.sieve" for name in ("first", "second", "plain"))
    cache = tmp_path / "cache"
    finished = patchsieve("fit", unsorted, "--cache", cache, "--out", first, small=True)
    assert finished.code == 0
    assert plan_of(finished)["embeddings on disk"] == f"at most 2 MiB, in {cache}"
    assert "less for images that are on disk already" in plan_of(finished)["embedding"]
    assert embedded(finished)
    others = ["--detector", "patchcore", "--bank-size", 60]
    assert patchsieve("fit", unsorted, *others, "--out", plain, small=True).code == 0
    finished = patchsieve("fit", unsorted, *others, "--cache", cache, "--out", second, small=True)
    assert finished.code == 0
    assert not embedded(finished)
    assert_same_model(second, plain)
    assert (load_file(first)["training.seconds"] > 0).all()
    assert (load_file(second)["training.seconds"] == 0).all()


def test_a_cache_in_half_the_space(patchsieve, unsorted, tmp_path):
    whole, half = tmp_path / "whole.sieve", tmp_path / "half.sieve"
    cache = ["--cache", tmp_path / "cache"]
    assert patchsieve("fit", unsorted, *cache, "--out", whole, small=True).code == 0
    assert (
        patchsieve("fit", unsorted, *cache, "--cache-dtype", "float16", "--out", half, small=True).code == 0
    )
    sizes = sorted(file.stat().st_size for file in (tmp_path / "cache").glob("*/features"))
    assert sizes == [28 * 64 * 232 * 2, 28 * 64 * 232 * 4]
    # Another pick of the coreset moves single scores further.
    scores, expected = (load_file(model)["training.scores"] for model in (half, whole))
    assert np.median(np.abs(scores / expected - 1)) < 1e-3


def test_embeddings_that_do_not_fit_wait_beside_the_model_and_go_with_it(
    patchsieve, unsorted, tmp_path, monkeypatch, fitted
):
    monkeypatch.setattr(budget, "_FEATURES_SHARE", 0.0)
    model, waiting = tmp_path / "line7.sieve", tmp_path / "line7.sieve.embeddings"
    fit = ("fit", unsorted, "--detector", "softpatch", "--out", model)
    finished = patchsieve(*fit, small=True)
    assert finished.code == 0
    assert plan_of(finished)["embeddings on disk"] == f"at most 2 MiB, in {waiting}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line7.html", "line7.sieve"]
    np.testing.assert_array_equal(load_file(model)["training.scores"], fitted.training_.scores)
    assert torch.equal(torch.from_numpy(load_file(model)["bank.features"]), fitted.bank_.features)
    # A cache that the user has named stays.
    finished = patchsieve(*fit, "--cache", tmp_path / "cache", small=True)
    assert finished.code == 0
    assert len(list((tmp_path / "cache").glob("*/features"))) == 1
    assert not waiting.exists()


def test_a_cache_that_cannot_be_used_is_one_sentence(patchsieve, refused, unsorted, tmp_path):
    def refuse(cache):
        return refused("fit", unsorted, "--cache", cache, "--out", tmp_path / "never.sieve", small=True)

    (tmp_path / "file").write_text("in the way")
    assert f"cannot use the cache {tmp_path / 'file'}" in refuse(tmp_path / "file")
    cache = tmp_path / "cache"
    assert patchsieve("fit", unsorted, "--cache", cache, "--out", tmp_path / "a.sieve", small=True).code == 0
    (folder,) = cache.iterdir()
    (folder / "index.sqlite").write_bytes(b"garbage" * 1000)
    assert f"the cache {folder} is damaged: file is not a database; delete this folder" in refuse(cache)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    assert f"cannot use the cache {folder}: file exists" in refuse(cache)


def test_a_cache_that_may_not_be_written_to(as_somebody_else, patchsieve, unsorted, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    tmp_path.chmod(0o777)
    with as_somebody_else():
        finished = patchsieve("fit", unsorted, "--cache", closed, "--out", tmp_path / "a.sieve", small=True)
    assert finished.code == 2
    assert finished.err.splitlines()[-1].startswith(f"error: cannot use the cache {closed}")
    assert "permission denied" in finished.err
    assert not any(closed.iterdir())


def test_a_disk_too_small_for_the_embeddings_is_said_before_the_work(
    patchsieve, unsorted, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    out = ["--out", tmp_path / "a.sieve"]
    finished = patchsieve("fit", unsorted, "--cache", tmp_path / "cache", *out, small=True)
    assert finished.code == 2
    said = finished.err.splitlines()[-1]
    assert "the features of 28 images take 0.0 GiB" in said
    assert all(way in said for way in ("--cache", "--cache-dtype float16", "--memory-budget"))
    assert not embedded(finished)
    assert not (tmp_path / "a.sieve").exists()


def test_broken_images_are_named_with_a_cache_as_without(patchsieve, parts, tmp_path):
    folder = parts(tmp_path / "line7", 12)
    (folder / "part_05.png").write_bytes(b"cut")
    cache = ["--cache", tmp_path / "cache"]
    for _ in range(2):
        finished = patchsieve("fit", folder, *cache, "--out", tmp_path / "a.sieve", small=True)
        assert finished.code == 0
        assert "warning: skipped part_05.png: " in finished.err
    finished = patchsieve("fit", folder, *cache, "--strict", "--out", tmp_path / "b.sieve", small=True)
    assert finished.code == 2
    assert f"error: {folder / 'part_05.png'}: " in finished.err.splitlines()[-1]
