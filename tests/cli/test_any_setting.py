"""`fit --set NAME=VALUE`: every setting of every detector from the command line."""

import json
import subprocess
import sys

import pytest
import yaml

from patchsieve.cli.formats import SYSTEMS
from patchsieve.detectors import DETECTORS, make_detector


@pytest.fixture
def settings(patchsieve):
    """Return the settings that `fit` would use with some options."""

    def run(*options):
        finished = patchsieve("fit", *options, "--print-config")
        assert finished.code == 0, finished.err
        return yaml.safe_load(finished.out)

    return run


def test_help_names_every_detector_and_waits_for_no_torch():
    assert tuple(DETECTORS) == SYSTEMS
    code = (
        "import sys\nfrom patchsieve.cli import main\nsys.argv = ['patchsieve', 'fit', '--help']\n"
        "try:\n    main()\nfinally:\n    assert 'torch' not in sys.modules"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    shown = "".join(finished.stdout.split())
    assert all(system in shown for system in SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_setting_of_every_detector_can_be_set(settings, system):
    # JSON is YAML in one line.
    defaults = json.loads(json.dumps(make_detector(system).get_params(deep=False)))
    options = [f"--set={name}={json.dumps(value)}" for name, value in defaults.items()]
    assert settings("--detector", system, *options) == {"detector": system, **defaults}


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("folds=5", "folds", 5),
        ("projection-dims = 64", "projection_dims", 64),
        ("sigma=2", "sigma", 2.0),
        ("gaussian_eps=1e-3", "gaussian_eps", 0.001),
        ("layers=[stage2, stage3]", "layers", ["stage2", "stage3"]),
        ("layers=stage2,stage3", "layers", ["stage2", "stage3"]),
        ("image_size=256x320", "image_size", [256, 320]),
        ("crop=none", "crop", None),
        ("crop=null", "crop", None),
        ("bank_size=none", "bank_size", None),
        ("memory_budget=4GiB", "memory_budget", 4 * 2**30),
        ("detector=patchcore", "detector", "patchcore"),
        ("backbone=onnx:a=b.onnx", "backbone", "onnx:a=b.onnx"),
    ],
)
def test_a_value_is_read_as_in_a_configuration_file(settings, tmp_path, option, name, value):
    assert settings("--set", option)[name] == value
    path = tmp_path / "line7.yaml"
    path.write_text(option.replace("=", ": ", 1).replace("projection-", "projection_"))
    assert settings("--config", path)[name] == value


def test_it_wins_over_the_configuration_and_the_preset(settings, tmp_path):
    path = tmp_path / "line7.yaml"
    path.write_text("folds: 4\nsigma: 1.0\ndims: 256")
    found = settings("--preset", "paper", "--config", path, "--set", "folds=6", "--set", "dims=512")
    assert (found["folds"], found["sigma"], found["dims"]) == (6, 1.0, 512)
    assert found["backbone"] == "timm:wide_resnet50_2"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "folds"], "--set takes NAME=VALUE such as folds=5, not 'folds'"),
        (["--set", "=5"], "--set takes NAME=VALUE"),
        (["--set", "folds="], "--set takes NAME=VALUE"),
        (["--set", "fold=5"], "adaptive has no setting 'fold'; it has "),
        (["--set", "tau=lots"], "the setting tau cannot be 'lots'"),
        (["--set", "layers=[a"], "the value in --set layers=[a is not YAML: expected ',' or ']'"),
        (["--set", "tau=!!python/object:os.system x"], "is not YAML: could not determine a constructor"),
        (["--set", "image_size=big"], "the size 'big' is neither"),
        (["--set", "folds=5", "--set", "folds=6"], "--set gives folds twice"),
        (["--tau", "0.1", "--set", "tau=0.2"], "tau is given twice, by a flag of its own and by --set"),
        (["--crop", "none", "--set", "crop=224"], "crop is given twice"),
        (["--detector", "patchcore", "--set", "detector=softpatch"], "detector is given twice"),
        (["--detector", "patchcore", "--set", "tau=0.1"], "patchcore has no setting 'tau'"),
    ],
)
def test_what_cannot_be_set_is_said(refused, unsorted, tmp_path, options, said):
    assert said in refused("fit", unsorted, *options, "--out", tmp_path / "never.sieve")
