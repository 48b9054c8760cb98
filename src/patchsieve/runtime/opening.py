"""Open a model, whatever it is: a `.sieve` file, or a folder that `patchsieve export` wrote."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

from patchsieve.decisions import OperatingPoints, Result
from patchsieve.errors import ConfigError, MissingPackageError
from patchsieve.progress import SILENT, Progress
from patchsieve.runtime.engines import AUTO
from patchsieve.runtime.exported import load_exported


class Model(Protocol):
    """What scores images: a fitted detector or an exported model.

    Attributes:
        threshold_: of the default operating point; an image with a higher score is called defective.
        operating_points_: the named thresholds.
        pixel_threshold_: what is higher on an anomaly map is outlined as a region.
    """

    @property
    def threshold_(self) -> float: ...  # noqa: D102

    @property
    def pixel_threshold_(self) -> float: ...  # noqa: D102

    @property
    def operating_points_(self) -> OperatingPoints: ...  # noqa: D102

    def predict(
        self,
        images: Any,
        *,
        operating_point: str | None = None,
        review: float | str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> Result:
        """Score images and hold them against a threshold; see `patchsieve.detectors.Detector.predict`."""

    def iter_predict(
        self,
        images: Any,
        *,
        operating_point: str | None = None,
        review: float | str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> Generator[Result, None, None]:
        """Score batch by batch, in memory that does not grow with their number. See `predict`."""


def open_model(path: Path | str, *, device: str = AUTO, engine: str = AUTO) -> Model:
    """Open a fitted detector's file or an exported model's folder.

    Args:
        path: a `.sieve` file, which takes torch to open, or a folder that `patchsieve export` wrote, which does not.
        device: where it shall run: ``auto``, ``cpu``, ``cuda``, ...
        engine: what an exported model shall run on, one of `ENGINES`; a `.sieve` file runs on torch.

    Raises:
        ModelFileError: there is no whole model.
        BackboneError: its backbone is not available here.
        ConfigError: there is no such device or engine, or not for this model.
        MissingPackageError: what runs it is not installed.
    """
    path = Path(path)
    if path.is_dir():
        return load_exported(path, engine=engine, device=device)
    if engine != AUTO:
        raise ConfigError(
            f"{path} is no exported model: it runs on torch, not on {engine}; patchsieve export makes one"
        )
    try:
        from patchsieve.detectors import load
    except ModuleNotFoundError as error:
        missing = MissingPackageError.of(error)
        if missing is None:
            raise
        raise missing from error
    return load(path, device=device)
