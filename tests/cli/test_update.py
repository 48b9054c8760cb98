"""`patchsieve update`: the next version of a model beside the one before."""

from patchsieve import load


def test_a_model_learns_from_good_images_and_from_defects(patchsieve, model_file, parts, tmp_path):
    good = parts(tmp_path / "good", 5, first=300)
    defects = parts(tmp_path / "defects", 0, 2, first=400)
    before = model_file.read_bytes()
    finished = patchsieve("update", model_file, good, "--defects", defects, "--out", tmp_path / "v2.sieve")
    assert finished.code == 0, finished
    assert "5 images learnt from, 28 before" in finished.err
    assert "patches of the memory bank match the defects" in finished.err
    assert model_file.read_bytes() == before
    old, new = load(model_file), load(tmp_path / "v2.sieve")
    assert len(new.training_.images) == 33
    assert new.bank_.rejected is not None
    assert len(new.bank_) <= len(old.bank_)
    assert f"threshold: {new.threshold_:.4g}, {old.threshold_:.4g} before" in finished.err


def test_defects_alone_leave_the_threshold(patchsieve, model_file, parts, tmp_path):
    defects = parts(tmp_path / "defects", 0, 2, first=400)
    assert patchsieve("update", model_file, "--defects", defects, "--out", tmp_path / "v2.sieve").code == 0
    assert load(tmp_path / "v2.sieve").threshold_ == load(model_file).threshold_


def test_what_cannot_work_is_said(refused, patchsieve, model_file, parts, tmp_path):
    good = parts(tmp_path / "good", 2, first=300)
    (tmp_path / "v1.sieve").write_bytes(b"the model of last week")
    assert "v1.sieve exists: name another file" in patchsieve(
        "update", model_file, good, "--out", tmp_path / "v1.sieve"
    ).err.replace("\n", " ")
    assert (tmp_path / "v1.sieve").read_bytes() == b"the model of last week"
    assert patchsieve("update", model_file, "--out", tmp_path / "v2.sieve").code == 2
    assert patchsieve("update", model_file, good).code == 2
    known = load(model_file).training_.images.root
    assert "nothing new in them" in refused("update", model_file, known, "--out", tmp_path / "v2.sieve")


def test_a_broken_picture_of_a_defect_is_named(patchsieve, model_file, parts, tmp_path):
    defects = parts(tmp_path / "defects", 0, 2, first=400)
    (defects / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then the cable was pulled")
    finished = patchsieve("update", model_file, "--defects", defects, "--out", tmp_path / "v2.sieve")
    assert finished.code == 0, finished
    assert "left out torn.png (" in finished.err
    assert load(tmp_path / "v2.sieve").training_.skipped[-1].name == "torn.png"
