"""A model on its way to the workers: its files travel with the work, so that no machine need have them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from patchsieve.errors import ModelFileError
from patchsieve.runtime import Model, open_model
from patchsieve.runtime.metadata import METADATA, Metadata


@dataclass(frozen=True)
class ModelCopy:
    """The files of a model, of `patchsieve fit` or of `patchsieve export`.

    Attributes:
        name: of its file or folder.
        files: content of each file, by the name that it has in the folder; of a single file, by "".
    """

    name: str
    files: dict[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> "ModelCopy":
        """Read a model's files. Raises `ModelFileError` where they cannot be read."""
        names = [METADATA, *Metadata.read(path).files] if path.is_dir() else [""]
        try:
            return cls(path.name, {name: (path / name).read_bytes() for name in names})
        except OSError as error:
            raise ModelFileError(f"cannot read the model file {path}: {error.strerror or error}") from error

    @property
    def sha256(self) -> str:
        """Of all its files and their names, hex."""
        parts = (f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in sorted(self.files.items()))
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def opened(self, device: str) -> Model:
        """Return the model, ready to score. See `open_model` for the errors."""
        with TemporaryDirectory(prefix="patchsieve-") as folder:
            place = Path(folder) / self.name
            for name, data in self.files.items():
                target = place / name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(data)
            return open_model(place, device=device)
