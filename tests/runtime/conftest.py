"""What the tests of this room share: a folder of images of every kind, and one exported model."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from patchsieve.detectors import SoftPatch
    from patchsieve.features import Backbone


def write_every_kind(folder: Path, draw: Callable[..., object]) -> Path:
    """Write images of many sizes, grey, with transparency, turned by EXIF, of 16 bits, good and defective."""
    folder.mkdir(parents=True)

    def part(seed: int, **settings: object) -> Image.Image:
        return draw(seed, **settings).image  # type: ignore[attr-defined, no-any-return]

    for seed, size in enumerate(((96, 96), (97, 61), (768, 576), (33, 250), (64, 64), (301, 40)), start=400):
        part(seed, size=size, defective=seed % 2 == 0).save(folder / f"size_{size[0]}x{size[1]}.png")
    part(410).convert("L").save(folder / "grey.png")
    clear = part(411, size=(120, 80)).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save(folder / "transparent.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    part(412, size=(150, 90), defective=True).save(folder / "turned.jpg", exif=turned, quality=90)
    deep = np.asarray(part(413).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "sixteen_bits.tif")
    return folder


@pytest.fixture(scope="session")
def every_kind(part: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images of every kind, for reading only."""
    return write_every_kind(tmp_path_factory.mktemp("kinds") / "images", part)


@pytest.fixture(scope="session")
def traced_once() -> Iterator[None]:
    """Let each kind of backbone be traced by torch once, not for every export: that alone takes seconds."""
    from patchsieve.runtime.export import assembling

    trace = assembling.backbone_model
    known: dict[object, object] = {}

    def remembered(backbone: "Backbone", frame: tuple[int, int]) -> object:
        key = backbone.name, backbone.layers, frame
        if key not in known:
            known[key] = trace(backbone, frame)
        return deepcopy(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembling, "backbone_model", remembered)
        yield


@pytest.fixture(scope="session")
def exported(
    fitted: "SoftPatch",
    traced_once: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of the fitted model as an ONNX export, for reading only."""
    from patchsieve.decisions import OperatingPoint
    from patchsieve.runtime.export import export_model

    before = fitted.operating_points_
    fitted.operate(before.with_point(OperatingPoint.at("strict", 0.9 * fitted.threshold_)))
    folder = tmp_path_factory.mktemp("export") / "line7"
    export_model(fitted, folder)
    fitted.operate(before)
    return folder
