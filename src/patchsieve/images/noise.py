"""Noise on purpose: defective test images among the training images, as the papers measure robustness.

In goes a labelled set with splits; out comes the set with its noise, and a manifest by which anyone can make the
same set again from the same files.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from patchsieve.errors import ImagesError
from patchsieve.files import write_text
from patchsieve.images.collection import ImageRecord, ImageSet
from patchsieve.images.hashing import content_hash
from patchsieve.images.order import in_order

Role = Literal["moved", "copied"]


class ManifestEntry(BaseModel):
    """One defective image that was added to the training images.

    Attributes:
        name: the record's name.
        sha256: `content_hash` of the record, in hex.
        role: "moved" if it left the test images, "copied" if it is in both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    role: Role


class Manifest(BaseModel):
    """Which images are the noise of a set, and how they were drawn.

    Attributes:
        format: marks the file as one of ours.
        version: version of the file's schema.
        seed: seed of the draw.
        noise: noise rate: entries per good training image.
        overlap: whether the entries stay in the test images.
        good_train: number of training images before the noise.
        entries: the noise, in the order in which it was drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["patchsieve-noise"] = "patchsieve-noise"
    version: Literal[1] = 1
    seed: int = Field(ge=0)
    noise: float = Field(ge=0, allow_inf_nan=False)
    overlap: bool
    good_train: int = Field(ge=0)
    entries: tuple[ManifestEntry, ...]

    @model_validator(mode="after")
    def _one_role(self) -> Self:
        role = _role(self.overlap)
        if any(entry.role != role for entry in self.entries):
            raise ValueError(f"with overlap {self.overlap} every entry has the role {role!r}")
        if len({entry.name for entry in self.entries}) != len(self.entries):
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


def inject_noise(images: ImageSet, noise: float, *, overlap: bool, seed: int) -> tuple[ImageSet, Manifest]:
    """Add `int(noise * good training images)` defective test images, drawn at random, to the training images.

    A rate of 0.1 on 100 good images adds 10, which is a contamination of 9.1 %. The added records keep their
    name, label and mask, and have the split "train". For one seed the images of a lower rate are among those of
    a higher one, so that a curve over rates shows the rate and not the luck of the draw.

    Args:
        images: a set with good (or unlabelled) images in train and defective ones in test.
        noise: noise rate, 0 or more.
        overlap: whether the drawn images also stay in test.
        seed: seed of the draw, 0 or more.

    Raises:
        ImagesError: the set has no training or no test images, the rate or the seed is not one, or there are
            too few defective images; without overlap one must be left to be found in test.
        BrokenImageError: a drawn image cannot be read.
    """
    if not (math.isfinite(noise) and noise >= 0) or seed < 0:
        raise ImagesError(
            f"the noise rate {noise} and the seed {seed} must be 0 or more; 0.1 is a usual rate"
        )
    good = _good_train(images)
    defective = _defective_test(images)
    # int(0.29 * 100) would be 28: floor what is meant, not its binary neighbour.
    wanted = math.floor(noise * good + 1e-9)
    available = len(defective) if overlap else max(0, len(defective) - 1)
    if wanted > available:
        raise ImagesError(_too_few(noise, wanted, good, len(defective), overlap))
    order = np.random.default_rng(seed).permutation(len(defective))[:wanted]
    drawn = [defective[index] for index in order]
    entries = tuple(
        ManifestEntry(name=record.name, sha256=content_hash(record), role=_role(overlap)) for record in drawn
    )
    manifest = Manifest(seed=seed, noise=noise, overlap=overlap, good_train=good, entries=entries)
    return _with_noise(images, drawn, overlap), manifest


def apply_manifest(images: ImageSet, manifest: Manifest) -> ImageSet:
    """Add the noise that a manifest lists to a set, after comparing each image's content with it.

    Raises:
        ImagesError: the set has another number of good training images, an entry is missing from its
            defective test images, or has other content; the text names them.
        BrokenImageError: a listed image cannot be read.
    """
    good = _good_train(images)
    if good != manifest.good_train:
        raise ImagesError(
            f"the manifest was drawn for {manifest.good_train} good training images, {images.root} has {good}: "
            "the noise rate would be another"
        )
    by_name = {record.name: record for record in _defective_test(images)}
    missing = [entry.name for entry in manifest.entries if entry.name not in by_name]
    if missing:
        raise ImagesError(f"not among the defective test images of {images.root}: {_listed(missing)}")
    changed = [entry.name for entry in manifest.entries if content_hash(by_name[entry.name]) != entry.sha256]
    if changed:
        raise ImagesError(
            f"other content in {images.root} than when the manifest was drawn: {_listed(changed)}"
        )
    return _with_noise(images, [by_name[entry.name] for entry in manifest.entries], manifest.overlap)


def _role(overlap: bool) -> Role:
    return "copied" if overlap else "moved"


def _good_train(images: ImageSet) -> int:
    count = sum(record.split == "train" and not record.defective for record in images)
    if not count:
        raise ImagesError(
            f"{images.root} (layout {images.layout}) has no good images in train to add noise to"
        )
    return count


def _defective_test(images: ImageSet) -> list[ImageRecord]:
    return sorted((one for one in images if one.split == "test" and one.defective), key=lambda one: one.name)


def _with_noise(images: ImageSet, drawn: list[ImageRecord], overlap: bool) -> ImageSet:
    names = {record.name for record in drawn}
    stay = [record for record in images if overlap or record.split == "train" or record.name not in names]
    added = [replace(record, split="train") for record in drawn]
    return images.with_records(in_order([*stay, *added]))


def _too_few(noise: float, wanted: int, good: int, defective: int, overlap: bool) -> str:
    most = math.floor(1000 * (defective if overlap else max(0, defective - 1)) / good) / 1000
    text = (
        f"noise {noise} on {good} good training images needs {wanted} defective test images, and there are {defective}"
        + ("" if overlap else ", one of which must stay in test to be found")
        + f": the highest rate is {most:g}"
    )
    with_overlap = math.floor(1000 * defective / good) / 1000
    if not overlap and with_overlap > most:
        text += f" ({with_overlap:g} with overlap)"
    return text + "; lower the rate, take fewer good training images, or add defective test images"


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest
