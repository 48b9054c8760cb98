"""The model file: the same bits back, or a sentence that says why not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from patchsieve.bank import FORMAT_VERSION, read_container, write_container
from patchsieve.errors import ModelFileError

HEADER = {
    "threshold": 0.1 + 0.2,
    "names": ["a/b.png", "Schraube-ä.png"],
    "config": {"layers": None, "tau": 0.15},
}


def tensors() -> dict[str, torch.Tensor]:
    return {
        "features": torch.randn(7, 5, generator=torch.Generator().manual_seed(0)),
        "origins": torch.arange(21, dtype=torch.int32).view(7, 3),
        "seconds": torch.tensor([1e-300, np.pi], dtype=torch.float64),
        "none": torch.empty(0, 4),
        "strange": torch.tensor([float("nan"), float("-inf"), -0.0, 1e-45]),
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "line7.sieve"
    write_container(path, tensors(), HEADER)
    return path


def test_a_file_gives_back_the_same_bits_and_words(model: Path) -> None:
    read, header = read_container(model)
    assert header == {**HEADER, "format": FORMAT_VERSION}
    assert read.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert read[name].numpy().tobytes() == tensor.numpy().tobytes()


def test_the_same_content_makes_the_same_file(model: Path, tmp_path: Path) -> None:
    write_container(tmp_path / "again.sieve", tensors(), HEADER)
    assert (tmp_path / "again.sieve").read_bytes() == model.read_bytes()


def test_views_and_transposed_tensors_are_written_as_they_look(tmp_path: Path) -> None:
    whole = torch.arange(24.0).view(4, 6)
    write_container(tmp_path / "views", {"rows": whole[1:3], "turned": whole.clone().T}, {})
    read, _ = read_container(tmp_path / "views")
    assert torch.equal(read["rows"], whole[1:3])
    assert torch.equal(read["turned"], whole.T)
    # Not the rest of the memory that a view looks into.
    assert (tmp_path / "views").stat().st_size < 1000


def test_tensors_that_share_their_memory_are_written_both(tmp_path: Path) -> None:
    whole = torch.arange(24.0)
    write_container(tmp_path / "shared", {"whole": whole, "again": whole, "part": whole[:6]}, {})
    read, _ = read_container(tmp_path / "shared")
    assert torch.equal(read["whole"], whole)
    assert torch.equal(read["again"], whole)
    assert torch.equal(read["part"], whole[:6])


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_container(tmp_path / "new" / "deep" / "m.sieve", tensors(), HEADER)
    assert read_container(tmp_path / "new" / "deep" / "m.sieve")[1]["threshold"] == HEADER["threshold"]


def test_a_file_cut_short_anywhere_is_not_read(model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    cut = tmp_path / "cut.sieve"
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=r"cut\.sieve"):
            read_container(cut)


def test_a_flipped_bit_anywhere_is_noticed(model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    expected = read_container(model)[1]
    damaged = tmp_path / "damaged.sieve"
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        damaged.write_bytes(changed)
        try:
            header = read_container(damaged)[1]
        except ModelFileError as error:
            assert "damaged.sieve" in str(error)  # noqa: PT017
        else:
            # The same JSON in other letters: \u00e4 and \u00E4.
            assert header == expected


def test_bytes_after_the_end_are_noticed(model: Path) -> None:
    with model.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(ModelFileError, match="not a whole model file"):
        read_container(model)


def test_a_newer_format_asks_for_a_newer_patchsieve(tmp_path: Path) -> None:
    path = tmp_path / "future.sieve"
    save_file(tensors(), path, metadata={"patchsieve": json.dumps({"format": FORMAT_VERSION + 1})})
    with pytest.raises(ModelFileError, match=f"model format {FORMAT_VERSION + 1}.*upgrade PatchSieve"):
        read_container(path)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"patchsieve": "no json"},
        {"patchsieve": "[1]"},
        {"patchsieve": '{"format": null}'},
    ],
)
def test_other_safetensors_files_are_told_apart(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(tensors(), path, metadata=metadata)
    with pytest.raises(ModelFileError, match="not a PatchSieve model"):
        read_container(path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x04\x95" * 40, b"\xff" * 100, b"PK\x03\x04" + b"\0" * 60]
)
def test_files_of_another_kind_are_told_apart(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.sieve"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"photo\.sieve is not a whole model file"):
        read_container(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.sieve: No such file"):
        read_container(tmp_path / "none.sieve")
    with pytest.raises(ModelFileError, match="directory"):
        read_container(tmp_path)


def test_writing_onto_a_folder_fails_in_words(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ModelFileError, match=r"cannot write .*taken"):
        write_container(tmp_path / "taken", tensors(), HEADER)
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


FULL_DISK = """
import resource, signal, sys, torch
from patchsieve.bank import write_container
from patchsieve.errors import ModelFileError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    write_container(sys.argv[1], {"bank": torch.zeros(100_000)}, {})
except ModelFileError as error:
    print(error)
"""


def test_a_write_that_runs_out_of_room_leaves_the_old_file_alone(model: Path) -> None:
    """A limit on file sizes makes the system refuse the write in the middle, as a full disk does."""
    before = model.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(model)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert f"cannot write {model}" in done.stdout
    assert "nothing was left half-written" in done.stdout
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_a_header_that_is_not_json_leaves_the_old_file_alone(model: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(TypeError):
        write_container(model, tensors(), {"path": object()})
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]
