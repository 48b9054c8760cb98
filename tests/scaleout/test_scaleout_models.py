"""A model that travels to a worker scores there as it does here, also where its files are gone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patchsieve.errors import ModelFileError
from patchsieve.runtime import open_model
from patchsieve.scaleout.model_copies import ModelCopy
from patchsieve.scaleout.scoring import images_at_once


def test_a_copy_is_the_model(model_file: Path, unsorted: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.sieve"
    shutil.copy(model_file, moved)
    copy = ModelCopy.of(moved)
    moved.unlink()
    assert copy.sha256 == ModelCopy.of(model_file).sha256
    opened = copy.opened("cpu")
    assert images_at_once(opened) == 16
    expected = open_model(model_file).predict(unsorted)
    assert np.array_equal(opened.predict(unsorted).scores, expected.scores)
    with pytest.raises(ModelFileError, match=r"moved\.sieve"):
        ModelCopy.of(moved)


@pytest.mark.slow
def test_so_is_that_of_an_exported_one(
    model_file: Path, unsorted: Path, tmp_path: Path, patchsieve: Callable[..., Any]
) -> None:
    folder = tmp_path / "exported"
    ended = patchsieve("export", model_file, "--out", folder)
    assert ended.code == 0, ended.err
    expected = open_model(folder).predict(unsorted)
    (folder / "beside.txt").write_text("not the model's")
    copy = ModelCopy.of(folder)
    assert "beside.txt" not in copy.files
    shutil.rmtree(folder)
    opened = copy.opened("cpu")
    assert images_at_once(opened) == 4
    assert np.array_equal(opened.predict(unsorted).scores, expected.scores)
