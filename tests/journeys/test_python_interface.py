"""The interface everybody learns once, as the manual writes it."""

import numpy as np
import pytest

import patchsieve
from patchsieve.errors import ModelFileError


@pytest.mark.slow
def test_the_interface_of_the_manual(parts, tmp_path, monkeypatch):
    parts(tmp_path / "line7" / "2026-11", 14, 2)
    parts(tmp_path / "line7" / "today", 3, 1, first=700)
    monkeypatch.chdir(tmp_path)

    from patchsieve import SoftPatch, read_images

    train = read_images("line7/2026-11/")
    model = SoftPatch().fit(train)
    result = model.predict("line7/today/")
    suspects = model.suspects(top=20)
    model.save("line7.sieve")

    assert result.scores.shape == (4,)
    assert result.maps.shape == (4, 224, 224)
    assert result.verdicts[3] == "defect"
    assert result.scores.argmax() == 3
    assert len(suspects) == 16
    assert set(suspects.images.names[:2]) == {"part_14.png", "part_15.png"}
    assert suspects.maps.shape == (16, 224, 224)
    for load in (SoftPatch.load, patchsieve.load):
        again = load("line7.sieve")
        assert type(again) is SoftPatch
        assert again.get_params() == model.get_params()
        assert again.threshold_ == model.threshold_
        same = again.predict(["line7/today/"])
        assert np.array_equal(same.scores, result.scores)
        assert np.array_equal(same.maps, result.maps)
        assert same.verdicts == result.verdicts
        assert np.array_equal(again.suspects(top=20).maps, suspects.maps)
    with pytest.raises(ModelFileError, match=r"softpatch.*patchsieve\.load"):
        patchsieve.PatchCore.load("line7.sieve")
