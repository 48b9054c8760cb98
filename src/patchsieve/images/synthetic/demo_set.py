"""The demonstration's folder: an unsorted training set, a labelled test set, and the truth about both."""

import io
import json
import math
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL
import scipy
from PIL import Image

from patchsieve.errors import ConfigError, ImagesError, PatchSieveError
from patchsieve.files import write_bytes, write_text
from patchsieve.images.synthetic.rendering import DEFECT_KINDS, SMALLEST_SIZE, render_part
from patchsieve.progress import SILENT, Progress, staged

TRUTH_FILE = "truth.json"
_FOLDERS = ("train", "test", "ground_truth")


@dataclass(frozen=True, slots=True)
class DemoImage:
    """One image of the set and what it truly shows.

    Attributes:
        name: POSIX path below the set's root, as `read_images` names it.
        split: "train" or "test".
        defect: one of `DEFECT_KINDS`, or None for a sound part.
        seed: `render_part(seed, size, defect)` gives the same image again.
    """

    name: str
    split: Literal["train", "test"]
    defect: str | None
    seed: int


@dataclass(frozen=True, slots=True)
class DemoTruth:
    """What `write_demo_set` wrote: the answer sheet, which no detector reads.

    Attributes:
        root: the folder.
        seed: seed of the whole set.
        size: side of the images in pixels.
        versions: versions of what the bytes depend on, by name.
        images: every image, train before test.
    """

    root: Path
    seed: int
    size: int
    versions: dict[str, str]
    images: tuple[DemoImage, ...]

    @property
    def hidden(self) -> dict[str, str]:
        """The defective images among the training images: kind of defect by name."""
        return {image.name: image.defect for image in self.images if image.split == "train" and image.defect}


def write_demo_set(
    root: Path | str,
    *,
    train_good: int = 100,
    noise: float = 0.1,
    test_good: int = 30,
    test_defective_per_kind: int = 6,
    size: int = 256,
    seed: int = 0,
    progress: Progress = SILENT,
) -> DemoTruth:
    """Render a whole inspection set into a folder in MVTec AD's layout.

    `train/good` holds the good images and, under plain numbers in random order, `int(noise * train_good)` defective
    ones, as nobody has sorted them. As when a line drifts, at least a third of these are of one kind. `test/good`,
    `test/<kind>` and `ground_truth/<kind>/NNN_mask.png` (0 or 255) are for judging. `truth.json` says what every
    image shows; it is written last, so a folder that has one is complete. No image stands in the set twice.

    Args:
        root: the folder, made if need be. Files of an earlier run are written over.
        train_good: number of good training images.
        noise: defective training images per good one.
        test_good: number of good test images.
        test_defective_per_kind: number of test images of each of `DEFECT_KINDS`.
        size: side of the images in pixels, at least 64.
        seed: fixes every byte, on one machine with one set of versions.
        progress: shown one unit an image.

    Raises:
        ConfigError: a number is negative, `train_good` is 0 or the size too small.
        ImagesError: the folder already holds images that are not of this set.
        PatchSieveError: a file cannot be written.
    """
    _check_counts(train_good, noise, test_good, test_defective_per_kind, size, seed)
    root = Path(root)
    images = _plan(train_good, int(noise * train_good), test_good, test_defective_per_kind, seed)
    truth = DemoTruth(root=root, seed=seed, size=size, versions=_versions(), images=images)
    _prepare(root, images)
    with staged(progress, "drawing the parts", len(images)) as stage:
        for image in images:
            _write_image(root, image, size)
            stage.advance()
    write_text(root / TRUTH_FILE, _as_json(truth))
    return truth


def _check_counts(train_good: int, noise: float, test_good: int, per_kind: int, size: int, seed: int) -> None:
    if train_good < 1:
        raise ConfigError(f"train_good must be at least 1, got {train_good}")
    if not 0 <= noise <= 1:
        raise ConfigError(f"noise must be between 0 and 1, got {noise}")
    for name, value in (("test_good", test_good), ("test_defective_per_kind", per_kind), ("seed", seed)):
        if value < 0:
            raise ConfigError(f"{name} cannot be negative, got {value}")
    if size < SMALLEST_SIZE:
        raise ConfigError(f"size must be at least {SMALLEST_SIZE} pixels, got {size}")


def _plan(train_good: int, hidden: int, test_good: int, per_kind: int, seed: int) -> tuple[DemoImage, ...]:
    """Return what every image will show, without rendering any."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(DEFECT_KINDS, size=hidden)
    drawn[: math.ceil(hidden / 3)] = rng.choice(DEFECT_KINDS)
    train = rng.permutation(np.array([None] * train_good + [str(kind) for kind in drawn], dtype=object))
    slots: list[tuple[Literal["train", "test"], str, str | None]] = []
    slots += [("train", f"train/good/{index:03d}.png", kind) for index, kind in enumerate(train)]
    slots += [("test", f"test/good/{index:03d}.png", None) for index in range(test_good)]
    slots += [("test", f"test/{kind}/{i:03d}.png", kind) for kind in DEFECT_KINDS for i in range(per_kind)]
    # Drawn from 2**53 so that JSON readers with double numbers keep them; a draw without repetition.
    seeds = _distinct(rng, len(slots))
    return tuple(DemoImage(name, split, kind, next(seeds)) for split, name, kind in slots)


def _distinct(rng: np.random.Generator, count: int) -> Iterator[int]:
    seen: dict[int, None] = {}
    while len(seen) < count:
        seen[int(rng.integers(2**53))] = None
    return iter(seen)


def _prepare(root: Path, images: tuple[DemoImage, ...]) -> None:
    """Refuse a folder with other images in it, and take back an earlier run's claim to be complete."""
    ours = {root / name for image in images for name in (image.name, _mask_name(image))}
    try:
        found = (path for folder in _FOLDERS for path in sorted((root / folder).rglob("[!.]*")))
        strangers = [path for path in found if not path.is_dir() and path not in ours]
        if strangers:
            raise ImagesError(
                f"{root} already holds other images, such as {strangers[0]}: choose an empty folder for the demo set"
            )
        (root / TRUTH_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise PatchSieveError(f"cannot write the demo set into {root}: {error.strerror or error}") from error


def _write_image(root: Path, image: DemoImage, size: int) -> None:
    pixels, mask = render_part(image.seed, size, image.defect)
    write_bytes(root / image.name, _png(pixels))
    if image.split == "test" and image.defect:
        write_bytes(root / _mask_name(image), _png(mask.astype(np.uint8) * np.uint8(255)))


def _mask_name(image: DemoImage) -> str:
    return f"ground_truth/{image.defect}/{Path(image.name).stem}_mask.png"


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    # Sensor noise hardly compresses: more effort than this costs seconds and saves nothing.
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=2)
    return stream.getvalue()


def _versions() -> dict[str, str]:
    return {
        "patchsieve": version("patchsieve"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "pillow": PIL.__version__,
    }


def _as_json(truth: DemoTruth) -> str:
    content = {
        "format": "patchsieve-demo-truth",
        "version": 1,
        "seed": truth.seed,
        "size": truth.size,
        "versions": truth.versions,
        "hidden": truth.hidden,
        "images": [asdict(image) for image in truth.images],
    }
    return json.dumps(content, indent=1) + "\n"
