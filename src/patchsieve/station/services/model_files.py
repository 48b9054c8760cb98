"""Model files of versions: what they say of themselves, and their place in the data folder."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from patchsieve.bank import read_container
from patchsieve.decisions import OperatingPoints
from patchsieve.errors import ModelFileError
from patchsieve.files import replacing

MODELS = "models"


@dataclass(frozen=True)
class ModelFile:
    """What a model file says of itself, read without loading its backbone.

    Attributes:
        path: the file.
        sha256: of its bytes.
        detector: the system.
        backbone: its name.
        training_images: how many it was fitted on.
        points: its operating points.
    """

    path: Path
    sha256: str
    detector: str
    backbone: str
    training_images: int
    points: OperatingPoints = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read a model file. Raises `ModelFileError` where it is none."""
        _, header = read_container(path)
        try:
            return cls(
                path=path,
                sha256=_sha256(path),
                detector=str(header["detector"]),
                backbone=str(header["extractor"]["backbone"]),
                training_images=len(header["training"]["images"]),
                points=OperatingPoints.restored(header),
            )
        except (KeyError, TypeError) as error:
            raise ModelFileError(
                f"{path} is no model of a detector: fit one with patchsieve fit IMAGES --out line7.sieve"
            ) from error

    def copy_to(self, target: Path) -> None:
        """Copy the file, whole or not at all. Raises `PatchSieveError` where it cannot be written."""
        with replacing(target) as temporary:
            shutil.copyfile(self.path, temporary)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
