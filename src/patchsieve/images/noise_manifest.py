"""The file that says which images are the noise of a set: enough to make the same set again, and to know that it is."""

import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from patchsieve.errors import ImagesError
from patchsieve.files import write_text
from patchsieve.images.augmentation import Augmentation, Kind

Overlap = Literal["none", "same", "gaussian_noise", "noise_and_blur", "rotation", "affine"]
"""How an image that is learnt from as noise stays among the test images.

"none": it leaves them; "same": it stays there as it is; else it stays there as it is, and the copy that is learnt
from differs from it by that augmentation.
"""

TooFew = Literal["refuse", "repeat", "lower"]
"""What is done where there are fewer defective images than the noise rate asks for.

"refuse": an error says so; "repeat": they are taken again, each time turned and scaled a little; "lower": all are
taken that there are, and the manifest says which rate that is.
"""

Role = Literal["moved", "copied"]
_HASH = "^[0-9a-f]{64}$"


class ManifestAugmentation(BaseModel):
    """How a copy differs from its file; see `Augmentation`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    seed: int = Field(ge=0)


class ManifestEntry(BaseModel):
    """One defective image that was added to the training images.

    Attributes:
        name: the name of its record among the test images.
        sha256: SHA-256 of its file, in hex; of its pixels where it has none.
        role: "moved" if it left the test images, "copied" if it is in both.
        augmentations: how the copy that is learnt from differs from the file, in the order in which they are applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str = Field(pattern=_HASH)
    role: Role
    augmentations: tuple[ManifestAugmentation, ...] = ()

    @property
    def applied(self) -> tuple[Augmentation, ...]:
        """The augmentations as a record takes them."""
        return tuple(Augmentation(one.kind, one.seed) for one in self.augmentations)


class ManifestImage(BaseModel):
    """One image of the set before the noise.

    Attributes:
        name: the record's name.
        sha256: as in `ManifestEntry`; None for a file that could not be read.
        role: the split that it is in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str | None = Field(pattern=_HASH)
    role: Literal["train", "test"]


class Manifest(BaseModel):
    """Which images are the noise of a set, how they were drawn, and what else is in the set.

    Attributes:
        format: marks the file as one of ours.
        version: version of the file's schema. Version 1, which had no augmentations and no `images`, is read.
        seed: seed of the draw.
        noise: the noise rate that was asked for: entries per good training image.
        overlap: how the entries stay in the test images.
        too_few: what was to be done if there were too few defective images.
        good_train: number of good training images.
        entries: the noise, in the order in which it was drawn.
        images: all images of the set before the noise, train before test; empty in version 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["patchsieve-noise"] = "patchsieve-noise"
    version: Literal[2] = 2
    seed: int = Field(ge=0)
    noise: float = Field(ge=0, allow_inf_nan=False)
    overlap: Overlap
    too_few: TooFew = "refuse"
    good_train: int = Field(ge=1)
    entries: tuple[ManifestEntry, ...]
    images: tuple[ManifestImage, ...] = ()

    @property
    def rate(self) -> float:
        """The noise rate that was reached, after rounding down to whole images."""
        return len(self.entries) / self.good_train

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of figures from this set must know, in sentences."""
        notes = []
        repeats = sum(map(_is_repeat, self.entries))
        if repeats:
            notes.append(
                f"there are too few defective images for noise {self.noise:g}: {repeats} of the {len(self.entries)} "
                "are repeats, turned and scaled a little"
            )
        if len(self.entries) < entries_of(self.noise, self.good_train):
            notes.append(
                f"there are too few defective images for noise {self.noise:g}: the highest possible rate, "
                f"{self.rate:.3g} ({len(self.entries)} on {self.good_train}), was taken instead"
            )
        return tuple(notes)

    @model_validator(mode="before")
    @classmethod
    def _from_version_1(cls, content: Any) -> Any:
        if not isinstance(content, dict) or content.get("version") != 1:
            return content
        overlap = content.get("overlap")
        upgraded: dict[str, Any] = {**content, "version": 2}
        if isinstance(overlap, bool):
            upgraded["overlap"] = "same" if overlap else "none"
        return upgraded

    @field_validator("images")
    @classmethod
    def _each_image_once(cls, images: tuple[ManifestImage, ...]) -> tuple[ManifestImage, ...]:
        if len({(image.name, image.role) for image in images}) != len(images):
            raise ValueError("an image is listed twice")
        return images

    @model_validator(mode="after")
    def _one_draw(self) -> Self:
        role = role_of(self.overlap)
        if any(entry.role != role for entry in self.entries):
            raise ValueError(f"with overlap {self.overlap!r} every entry has the role {role!r}")
        for entry in self.entries:
            kinds = tuple(one.kind for one in entry.augmentations)
            if kinds not in (kinds_of(self.overlap, repeat=False), kinds_of(self.overlap, repeat=True)):
                raise ValueError(
                    f"the augmentations of {entry.name} are not those of overlap {self.overlap!r}"
                )
        if len({(entry.name, entry.augmentations) for entry in self.entries}) != len(self.entries):
            raise ValueError("an image is listed twice")
        return self

    def write(self, path: Path | str) -> None:
        """Write the manifest as JSON, whole or not at all. Raises `PatchSieveError`."""
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path | str) -> "Manifest":
        """Read a manifest.

        Raises:
            ImagesError: the file is missing or is not a manifest; the text says where it fails.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            raise ImagesError(f"cannot read the noise manifest {path}: {error.strerror or error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "as a whole"
            raise ImagesError(f"{path} is not a noise manifest: {where}: {first['msg']}") from error


def entries_of(noise: float, good: int) -> int:
    """Return how many defective images a noise rate adds to so many good ones."""
    # int(0.29 * 100) would be 28: floor what is meant, not its binary neighbour.
    return math.floor(noise * good + 1e-9)


def role_of(overlap: Overlap) -> Role:
    """Return the role of every entry."""
    return "moved" if overlap == "none" else "copied"


def kinds_of(overlap: Overlap, *, repeat: bool) -> tuple[Kind, ...]:
    """Return how an entry differs from its file, in order: what makes it another of the same comes first."""
    first: tuple[Kind, ...] = ("repeat",) if repeat else ()
    return first if overlap == "none" or overlap == "same" else (*first, overlap)


def _is_repeat(entry: ManifestEntry) -> bool:
    return bool(entry.augmentations) and entry.augmentations[0].kind == "repeat"
