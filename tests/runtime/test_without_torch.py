"""What a line needs runs where neither torch nor SciPy nor scikit-learn is installed."""

import json
import shutil
import subprocess
import sys

import pytest

FORBIDDEN = ("torch", "scipy", "sklearn", "matplotlib", "safetensors", "jinja2", "psutil")
# As if they were not installed.
HOOK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run(program, *arguments):
    command = [sys.executable, "-c", HOOK + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_rooms_of_the_runtime_can_be_imported():
    done = run(
        "import patchsieve.runtime, patchsieve.decisions, patchsieve.images, patchsieve.pictures; "
        "from patchsieve import Result"
    )
    assert done.returncode == 0, done.stderr


def test_nothing_heavy_is_imported_where_it_is_installed():
    program = f"import sys, patchsieve.runtime, patchsieve.pictures; print(*({set(FORBIDDEN)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.fixture
def strict(exported, tmp_path):
    """An exported model that calls everything defective, and outlines all of it."""
    folder = shutil.copytree(exported, tmp_path / "line7")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["pixel_threshold"] = 0.0
    for point in metadata["operating_points"]["points"]:
        point["threshold"] = 0.0
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


@pytest.mark.parametrize("command", ["predict", "watch --once --settle 0"])
def test_overlays_are_drawn(command, strict, parts, tmp_path):
    images = parts(tmp_path / "today", 1, 1)
    program = "from patchsieve.cli import main; main()"
    done = run(program, *command.split(), strict, images, "--out", tmp_path / "out", "--overlays")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out" / "overlays").glob("*.png"))) == 2


@pytest.mark.parametrize("command", [("fit", "--out", "model.sieve"), ("predict", "model.sieve")])
def test_a_command_says_what_to_install(command, tmp_path):
    name, *options = command
    (tmp_path / "model.sieve").write_bytes(b"")
    done = run(
        "import os; os.chdir(sys.argv.pop(1)); from patchsieve.cli import main; main()",
        tmp_path,
        name,
        *options,
        ".",
    )
    assert done.returncode == 2
    assert done.stderr.strip().endswith("is not installed: pip install 'patchsieve[learn]'")
    assert "Traceback" not in done.stderr


def test_python_says_what_to_install():
    done = run("from patchsieve import SoftPatch")
    assert (
        "MissingPackageError: this takes torch, which is not installed: pip install 'patchsieve[learn]'"
        in done.stderr
    )


def test_other_missing_modules_are_defects_of_ours_and_keep_their_traceback():
    program = "import patchsieve.cli.app\npatchsieve.cli.app.app = lambda **_: __import__('no_such_module')\n"
    done = run(program + "from patchsieve.cli import main; main()")
    assert "Traceback" in done.stderr
    assert "no_such_module" in done.stderr
