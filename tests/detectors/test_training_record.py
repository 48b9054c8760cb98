"""What a model file remembers of how its training images looked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from patchsieve.bank import read_container, write_container
from patchsieve.detectors import SoftPatch, load
from patchsieve.features import Embeddings, pooled
from patchsieve.images import STATISTICS

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]
SMALL = {"image_size": 64, "crop": None, "device": "cpu", "lof_k": 3}


def test_a_file_keeps_pooled_features_and_figures(photographs: Photographs, tmp_path: Path) -> None:
    model = SoftPatch(**SMALL)
    embeddings = model.embed(photographs("train", 8))
    model.fit(embeddings).save(tmp_path / "line7.sieve")
    again = load(tmp_path / "line7.sieve").training_
    assert torch.equal(again.pooled, pooled(embeddings.features))
    np.testing.assert_array_equal(again.appearance, embeddings.appearance)
    assert again.appearance.shape == (8, len(STATISTICS))


def test_an_older_file_is_read_and_lacks_them(photographs: Photographs, tmp_path: Path) -> None:
    path = tmp_path / "line7.sieve"
    SoftPatch(**SMALL).fit(photographs("train", 8)).save(path)
    tensors, header = read_container(path)
    for name in ("training.pooled", "training.appearance"):
        del tensors[name]
    del header["training"]["appearance"]
    write_container(path, tensors, header)
    model = load(path)
    assert model.training_.pooled is None
    assert model.training_.appearance is None
    grown = model.update(photographs("more", 3, seed=5))
    assert grown.training_.pooled is None
    assert len(grown.training_.scores) == 11


def test_figures_of_another_version_are_not_taken_for_these(photographs: Photographs, tmp_path: Path) -> None:
    path = tmp_path / "line7.sieve"
    SoftPatch(**SMALL).fit(photographs("train", 8)).save(path)
    tensors, header = read_container(path)
    header["training"]["appearance"] = ["shine", *header["training"]["appearance"][1:]]
    write_container(path, tensors, header)
    assert load(path).training_.appearance is None


def test_an_update_adds_the_new_images(photographs: Photographs) -> None:
    model = SoftPatch(**SMALL).fit(photographs("train", 8))
    before = model.training_
    after = model.update(photographs("more", 3, seed=5)).training_
    assert after.pooled.shape == (11, before.pooled.shape[1])
    np.testing.assert_array_equal(after.appearance[:8], before.appearance)
    assert np.isfinite(after.appearance).all()


def test_features_that_came_without_figures_leave_none(synthetic: Synthetic) -> None:
    model = SoftPatch().fit(synthetic(9))
    assert model.training_.appearance is None
    assert model.training_.pooled is not None
