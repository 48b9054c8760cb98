"""What can go wrong, in words for the person in front of the screen.

Every error that a user can cause derives from `PatchSieveError`: its text says what was wrong, with which
file or value, and what to do next. The command line prints that text and exits with status 2; anything else
that escapes is a defect of ours and keeps its traceback.
"""

from collections.abc import Mapping
from pathlib import Path

# Which extra brings what is imported under these names.
_EXTRAS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "efficientnet_lite_pytorch",
            "jinja2",
            "matplotlib",
            "psutil",
            "safetensors",
            "scipy",
            "sklearn",
            "threadpoolctl",
            "torch",
        ),
        "learn",
    ),
    **dict.fromkeys(("onnx", "onnxscript"), "export"),
    "onnxruntime": "runtime",
    "openvino": "openvino",
    "cv2": "video",
    "paho": "mqtt",
    **dict.fromkeys(
        ("alembic", "argon2", "babel", "fastapi", "multipart", "prometheus_client", "sqlalchemy", "uvicorn"),
        "station",
    ),
    "psycopg": "postgres",
    "ray": "ray",
}


class PatchSieveError(Exception):
    """Base of all errors whose text is meant for the user."""


class ImagesError(PatchSieveError):
    """The images given cannot be used as a whole: none found, too few, all identical, no permission."""


class BrokenImageError(ImagesError):
    """One file cannot be decoded to pixels. Named, counted and skipped unless the user asked for strictness.

    Attributes:
        path: the file.
        reason: why, as a short phrase without the file name, e.g. ``"truncated JPEG"``.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["BrokenImageError"], tuple[Path, str]]:
        # As an exception is rebuilt in another process: from its text alone it could not be.
        return type(self), (self.path, self.reason)


class ConfigError(PatchSieveError):
    """A setting has a value that cannot work, or two settings exclude each other."""


class BackboneError(PatchSieveError):
    """A backbone, its weights or one of its layers is not available here."""


class ModelFileError(PatchSieveError):
    """A model file is missing, cut short, damaged, of another version, or not ours; or cannot be written."""


class ClusterError(PatchSieveError):
    """A cluster has no room for the work, or lost what it was done by."""


class MissingPackageError(PatchSieveError):
    """What was asked for takes a package that an extra brings, and the extra is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> "MissingPackageError | None":
        """Say in words what a failed import asks for; None where no extra of ours brings it."""
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            return None
        return cls(
            f"this takes {package}, which is not installed: pip install 'patchsieve[{_EXTRAS[package]}]'"
        )
