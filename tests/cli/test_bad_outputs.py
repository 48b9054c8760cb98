import resource

import pytest
import torch

from patchsieve.cli.app import app


def test_a_result_that_could_not_be_written_is_refused_before_the_work(
    refused, unsorted, labelled, model_file, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    inside = tmp_path / "file" / "new.x"
    taken = f"cannot write {inside}: {tmp_path / 'file'} is a file, not a folder"
    assert taken in refused("fit", unsorted, "--out", inside, small=True)
    assert taken in refused("fit", unsorted, "--out", tmp_path / "a.sieve", "--report", inside, small=True)
    assert taken in refused("evaluate", model_file, labelled, "--report", inside)
    for command in (["predict", model_file, unsorted], ["suspects", model_file]):
        assert f"{tmp_path / 'file'} is a file, not a folder" in refused(*command, "--out", tmp_path / "file")
    assert f"cannot write {tmp_path}: it is a folder" in refused("fit", unsorted, "--out", tmp_path)
    assert "it is a folder" in refused("evaluate", model_file, labelled, "--report", tmp_path)


def test_a_report_never_takes_its_model_s_place(refused, unsorted, tmp_path):
    both = tmp_path / "line7.html"
    assert "would be both the model and its report" in refused("fit", unsorted, "--out", both)
    assert "would be both" in refused("fit", unsorted, "--out", both, "--report", both)


def test_a_folder_that_may_not_be_written_to(as_somebody_else, patchsieve, unsorted, model_file, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with as_somebody_else():
        for command in (
            ["fit", unsorted, "--out", closed / "line7.sieve"],
            ["predict", model_file, unsorted, "--out", closed / "results"],
        ):
            finished = patchsieve(*command)
            assert finished.code == 2
            assert finished.err.splitlines()[-1].startswith(f"error: cannot write {closed}")
            assert "ermission denied" in finished.err
    assert not any(closed.iterdir())


@pytest.fixture
def full_disk():
    """No file can become larger than 40 kB: what a full disk looks like to whoever writes a larger one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_fills_up_leaves_the_old_model_and_no_piece_of_the_new(refused, unsorted, tmp_path):
    old = tmp_path / "line7.sieve"
    old.write_bytes(b"the model of last week")
    said = refused("fit", unsorted, "--out", old, small=True)
    assert f"cannot write {old}: " in said
    assert "nothing was left half-written" in said
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_fills_up_under_a_report(refused, model_file, labelled, tmp_path):
    said = refused("evaluate", model_file, labelled, "--report", tmp_path / "report.html")
    assert f"cannot write {tmp_path / 'report.html'}: " in said
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried")])
def test_a_full_memory_is_said_in_words(refused, monkeypatch, unsorted, error):
    def full(*_):
        raise error

    monkeypatch.setattr("patchsieve.cli.fit.training_images", full)
    assert "there is not enough memory for this; use fewer images" in refused("fit", unsorted)


def test_an_allocation_that_torch_cannot_make_is_a_full_memory(refused, monkeypatch, unsorted):
    monkeypatch.setattr("patchsieve.cli.fit.training_images", lambda *_: torch.empty(2**60))
    assert "there is not enough memory for this" in refused("fit", unsorted)


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch, patchsieve, unsorted):
    def wrong(*_):
        raise RuntimeError("a shape does not fit")

    monkeypatch.setattr("patchsieve.cli.fit.training_images", wrong)
    with pytest.raises(RuntimeError, match="a shape does not fit"):
        patchsieve("fit", unsorted)


def test_every_command_has_help(patchsieve):
    for command in app.registered_commands:
        name = command.callback.__name__.replace("_", "-")
        finished = patchsieve(name, "--help")
        assert finished.code == 0
        assert finished.out.startswith(f"Usage: patchsieve {name}")
