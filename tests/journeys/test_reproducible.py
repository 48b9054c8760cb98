"""The same images, settings and seed give the same, bit for bit, whichever way the settings are given."""

import csv

import pytest
import yaml
from safetensors.numpy import load_file

import patchsieve


def rows(path):
    with path.open(newline="") as stream:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)
        ]


@pytest.mark.slow
def test_flags_and_the_configuration_printed_for_them_give_one_model_and_one_table(process, parts, tmp_path):
    parts(tmp_path / "line7", 12, 2)
    flags = (
        "--image-size",
        "64x96",
        "--crop",
        "none",
        "--discriminator",
        "nearest",
        "--tau",
        0.25,
        "--seed",
        3,
    )
    process("fit", "line7", *flags, "--out", "flags.sieve")
    printed = process("fit", "--print-config", *flags).stdout
    (tmp_path / "line7.yaml").write_text(printed)
    process("fit", "line7", "--config", "line7.yaml", "--out", "models/config.sieve")

    first, second = tmp_path / "flags.sieve", tmp_path / "models" / "config.sieve"
    model, again = patchsieve.load(first), patchsieve.load(second)
    assert model.get_params() == again.get_params()
    assert model.extractor_.preprocessing.frame == (64, 96)
    asked = {"detector": "softpatch", "image_size": [64, 96], "crop": None, "tau": 0.25, "seed": 3}
    assert yaml.safe_load(printed).items() >= asked.items()

    tensors, same = load_file(first), load_file(second)
    assert tensors.keys() == same.keys()
    for key in tensors.keys() - {"training.seconds"}:
        assert tensors[key].tobytes() == same[key].tobytes(), key
    other = patchsieve.SoftPatch(**model.get_params()).set_params(seed=4).fit(tmp_path / "line7")
    assert tensors["bank.origins"].tobytes() != other.bank_.origins.numpy().tobytes()

    for name in ("once", "again"):
        process("predict", first, "line7", "--out", name)
    assert rows(tmp_path / "once" / "predictions.csv") == rows(tmp_path / "again" / "predictions.csv")
