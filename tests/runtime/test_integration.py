"""The examples for integrators are run as they stand in the manual, where nothing of PatchSieve is there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from patchsieve.images import read_images
from patchsieve.images.decoding import decode

PAGE = (Path(__file__).parents[2] / "docs" / "integration.md").read_text("utf-8")
ONNXRUNTIME_NODE = "1.30.0"
# Kept between runs: the package has the libraries of all systems in it.
CACHE = Path.home() / ".cache" / "patchsieve" / f"onnxruntime-node-{ONNXRUNTIME_NODE}"


def block(kind, containing):
    (found,) = [
        code
        for code in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        if containing in code
    ]
    return found


def test_python_without_patchsieve(exported, fitted, labelled, tmp_path):
    code = block("python", "onnxruntime")
    assert len(code.splitlines()) < 30
    assert "patchsieve" not in code
    shutil.copytree(exported, tmp_path / "line7")
    target = tmp_path / "demo/images/test/scratch"
    target.mkdir(parents=True)
    image = labelled / "test" / "blob" / "part_01.png"
    shutil.copy(image, target / "001.png")
    hook = "import sys; sys.modules.update({'patchsieve': None, 'torch': None})\n"
    done = subprocess.run(
        [sys.executable, "-c", hook + code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = fitted.predict(image)
    x, y = expected.peaks[0]
    assert (
        done.stdout.strip() == f"score {expected.scores[0]:.2f}, highest at {x}, {y}: {expected.verdicts[0]}"
    )


@pytest.mark.slow
def test_node(exported, fitted, every_kind, tmp_path):
    if not (CACHE / "node_modules" / "onnxruntime-node").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        npm = [
            "npm",
            "install",
            "--ignore-scripts",
            "--prefix",
            CACHE,
            f"onnxruntime-node@{ONNXRUNTIME_NODE}",
        ]
        subprocess.run(npm, check=True, capture_output=True)
    program = CACHE / "judge.js"
    program.write_text(block("javascript", "onnxruntime-node"))
    judges_as_the_model_does(["node", program, exported], fitted, every_kind, tmp_path)


@pytest.mark.slow
def test_cpp(exported, fitted, every_kind, tmp_path):
    (tmp_path / "judge.cpp").write_text(block("cpp", "openvino"))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = block("bash", "g++")
    subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, env=environment, check=True)
    judges_as_the_model_does([tmp_path / "judge", exported], fitted, every_kind, tmp_path)


def judges_as_the_model_does(command, fitted, every_kind, folder):
    images = read_images(every_kind)
    expected = fitted.predict(images)
    for number, record in enumerate(images):
        Image.fromarray(decode(record)).save(folder / "part.ppm")
        done = subprocess.run([*command, folder / "part.ppm"], check=True, capture_output=True, text=True)
        said = json.loads(done.stdout)
        assert said["score"] == pytest.approx(float(expected.scores[number]), rel=1e-3)
        assert said["verdict"] == expected.verdicts[number]
        assert said["highest"] == pytest.approx(float(np.max(expected.maps[number])), rel=1e-2)
        assert said["map"] == [1, 64, 64]
