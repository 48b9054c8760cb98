"""Open a model, whatever it is: a `.sieve` file."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from patchsieve.progress import SILENT, Progress

if TYPE_CHECKING:
    from patchsieve.decisions import Result


class Model(Protocol):
    """What scores images: a fitted detector or an exported model.

    Attributes:
        threshold_: of the default operating point; an image with a higher score is called defective.
        pixel_threshold_: what is higher on an anomaly map is outlined as a region.
    """

    threshold_: float
    pixel_threshold_: float

    def predict(
        self,
        images: Any,
        *,
        operating_point: str | None = None,
        review: float | str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> "Result":
        """Score images and hold them against a threshold; see `patchsieve.detectors.Detector.predict`."""

    def iter_predict(
        self,
        images: Any,
        *,
        operating_point: str | None = None,
        review: float | str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> "Generator[Result, None, None]":
        """Score batch by batch, in memory that does not grow with their number. See `predict`."""


def open_model(path: Path | str, *, device: str = "auto") -> Model:
    """Open a fitted detector's file.

    Args:
        path: a `.sieve` file.
        device: where it shall run: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        ModelFileError: there is no whole model.
        BackboneError: its backbone is not available here.
    """
    from patchsieve.detectors import load

    return load(path, device=device)
