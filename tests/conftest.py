"""A small inspection task that several rooms' tests share: drawn by a few lines, learnt once."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from patchsieve.cli import main

if TYPE_CHECKING:
    from patchsieve.detectors import SoftPatch

SMALL = {"image_size": 64, "crop": None}
SMALL_FLAGS = ("--image-size", "64", "--crop", "none")

Draw = Callable[..., Image.Image]


class Part(NamedTuple):
    """A drawn part and where it is defective."""

    image: Image.Image
    mask: Image.Image


class Finished(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def draw_part(seed: int, *, defective: bool = False, size: tuple[int, int] = (96, 96)) -> Part:
    """Draw a grained, unevenly lit surface of (width, height) pixels, with a dark blob where it is defective."""
    rng = np.random.default_rng(seed)
    width, height = size
    grain = 18 * gaussian_filter(rng.normal(size=(height, width)), 1.2)
    light = np.linspace(-8, 8, width) * rng.uniform(-1, 1)
    surface = (130 + grain + light + rng.uniform(-4, 4))[..., None] * (1.0, 0.95, 0.9)
    rows, columns = np.mgrid[:height, :width]
    x, y = rng.uniform(0.3, 0.7, 2) * (width, height)
    blob = ((columns - x) ** 2 + (rows - y) ** 2 < (0.1 * width) ** 2) & defective
    surface[blob] = (30, 20, 25)
    return Part(Image.fromarray(surface.clip(0, 255).astype(np.uint8)), Image.fromarray(blob))


def write_parts(folder: Path, good: int, defective: int = 0, *, first: int = 0) -> Path:
    """Write good parts, then defective ones, as part_NN.png; no two seeds give the same part."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(good + defective):
        draw_part(first + index, defective=index >= good).image.save(folder / f"part_{index:02}.png")
    return folder


def write_labelled(root: Path, *, train: int = 20, noise: int = 2, good: int = 6, blob: int = 6) -> Path:
    """Write MVTec AD's layout: train/good with some defective parts in it, test/good, test/blob with masks."""
    write_parts(root / "train" / "good", train, noise)
    write_parts(root / "test" / "good", good, first=100)
    write_parts(root / "test" / "blob", 0, blob, first=200)
    masks = root / "ground_truth" / "blob"
    masks.mkdir(parents=True)
    for index in range(blob):
        draw_part(200 + index, defective=True).mask.save(masks / f"part_{index:02}_mask.png")
    return root


@pytest.fixture(scope="session")
def part() -> Callable[..., Part]:
    """Draw a part."""
    return draw_part


@pytest.fixture(scope="session")
def parts() -> Callable[..., Path]:
    """Write a folder of parts."""
    return write_parts


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled set, for reading only."""
    return write_labelled(tmp_path_factory.mktemp("labelled") / "plate")


@pytest.fixture(scope="session")
def unsorted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 good parts and the 4 defective ones part_24 to part_27, for reading only."""
    return write_parts(tmp_path_factory.mktemp("unsorted") / "line7", 24, 4)


@pytest.fixture(scope="session")
def fitted(unsorted: Path) -> "SoftPatch":
    """A model of the unsorted parts, for reading only."""
    # Not above: tests that need no torch shall not wait for it.
    from patchsieve.detectors import SoftPatch

    return SoftPatch(**SMALL).fit(str(unsorted))


@pytest.fixture(scope="session")
def model_file(fitted: "SoftPatch", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that model, for reading only."""
    path = tmp_path_factory.mktemp("model") / "line7.sieve"
    fitted.save(path)
    return path


@pytest.fixture
def patchsieve(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Run the command line in this process; `small` adds the flags for small images."""

    def run(*arguments: object, small: bool = False) -> Finished:
        flags = SMALL_FLAGS if small else ()
        monkeypatch.setattr(sys, "argv", ["patchsieve", *map(str, arguments), *flags])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Finished(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def timm() -> Any:
    """The timm library, also where torchvision was built for another torch than the one installed.

    Torchvision registers shapes for two compiled operators while it is imported, and fails where they are
    missing. No network used here calls them, so declaring them is enough.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
    import timm

    return timm
