import pytest
from safetensors.torch import save_file
from torch import zeros


@pytest.fixture(params=["predict", "evaluate", "suspects"])
def opened(request, refused, labelled):
    """Open a model file with each of the commands that take one."""

    def run(path):
        return refused(request.param, path, *([] if request.param == "suspects" else [labelled]))

    return run


def test_a_missing_file_and_a_folder(opened, tmp_path):
    assert "line8.sieve: No such file or directory" in opened(tmp_path / "line8.sieve")
    assert "is a directory" in opened(tmp_path).lower()


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.7, 0.999])
def test_a_file_cut_short(refused, tmp_path, model_file, share):
    whole = model_file.read_bytes()
    path = tmp_path / "cut.sieve"
    path.write_bytes(whole[: int(share * len(whole))])
    said = refused("suspects", path)
    assert f"{path} is not a whole model file" in said


def test_a_file_with_more_behind_its_end(opened, tmp_path, model_file):
    path = tmp_path / "long.sieve"
    path.write_bytes(model_file.read_bytes() + b"more")
    assert f"{path} is not a whole model file" in opened(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("bit", [0, 6])
def test_a_flipped_bit_anywhere(refused, tmp_path, model_file, share, bit):
    data = bytearray(model_file.read_bytes())
    data[int(share * len(data))] ^= 1 << bit
    path = tmp_path / "flipped.sieve"
    path.write_bytes(data)
    said = refused("suspects", path)
    assert str(path) in said
    assert "damaged" in said


def test_a_picture_and_a_foreign_safetensors_file(opened, tmp_path, part):
    picture = tmp_path / "picture.sieve"
    part(0).image.save(picture, format="PNG")
    assert f"{picture} is not a whole model file" in opened(picture)
    foreign = tmp_path / "foreign.sieve"
    save_file({"weight": zeros(3)}, foreign)
    assert f"{foreign} is a safetensors file, but not a PatchSieve model, or a damaged one" in opened(foreign)
