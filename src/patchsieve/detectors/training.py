"""What a model remembers of the images it was fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.features import Embeddings
from patchsieve.images import ImageRecord, ImageSet, Skipped


@dataclass(frozen=True)
class TrainingRecord:
    """The training images and how they look to models that did not see them.

    Attributes:
        images: the N images, in order.
        sizes: int64 `[N, 2]`, (height, width) in pixels.
        seconds: float64 `[N]`, what extracting each one's features took.
        scores: anomaly scores float32 `[N]`, out of sample.
        patch_maps: patch scores float32 `[N, H, W]`, out of sample.
        hashes: SHA-256 of each image's content, so that it is known again under any name.
        skipped: images that were left out, and why.
    """

    images: ImageSet = field(repr=False)
    sizes: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    scores: npt.NDArray[np.float32] = field(repr=False)
    patch_maps: torch.Tensor = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)
    skipped: tuple[Skipped, ...] = ()

    def extended(
        self,
        embeddings: Embeddings,
        hashes: tuple[str, ...],
        scores: npt.NDArray[np.float32],
        maps: torch.Tensor,
    ) -> "TrainingRecord":
        """Return the record with more images behind those it has.

        Args:
            embeddings: of the new images; a name that is taken gets that of their folder before it.
            hashes: of their content.
            scores: float32 `[n]`, out of sample.
            maps: float32 `[n, H, W]`, out of sample.
        """
        taken = set(self.images.names)
        records = list(self.images)
        for record in embeddings.images:
            name = record.name
            while name in taken:
                name = f"{embeddings.images.root.name or 'added'}/{name}"
            taken.add(name)
            records.append(replace(record, name=name))
        return TrainingRecord(
            images=self.images.with_records(records),
            sizes=np.concatenate([self.sizes, embeddings.sizes]),
            seconds=np.concatenate([self.seconds, embeddings.seconds]),
            scores=np.concatenate([self.scores, scores]),
            patch_maps=torch.cat([self.patch_maps, maps]),
            hashes=(*self.hashes, *hashes),
            skipped=(*self.skipped, *embeddings.images.skipped, *embeddings.skipped),
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what belongs among the tensors of a model file."""
        return {
            "training.sizes": torch.from_numpy(self.sizes),
            "training.seconds": torch.from_numpy(self.seconds),
            "training.scores": torch.from_numpy(self.scores),
            "training.patch_maps": self.patch_maps,
        }

    def header(self) -> dict[str, Any]:
        """Return what belongs into the header of a model file."""
        return {
            # Absolute, so that the pictures are found from whichever folder the model is used in.
            "root": str(self.images.root.absolute()),
            "layout": self.images.layout,
            "images": [
                # A copy that differs from its file cannot be found again as a file.
                [
                    record.name,
                    str(record.path.absolute()) if record.path and not record.augmentations else None,
                ]
                for record in self.images
            ],
            "sha256": list(self.hashes),
            "skipped": [[skip.name, skip.reason] for skip in self.skipped],
        }

    @classmethod
    def restored(cls, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> "TrainingRecord":
        """Rebuild the record from a model file."""
        records = tuple(
            ImageRecord(name=name, path=None if path is None else Path(path), split="train")
            for name, path in header["images"]
        )
        return cls(
            images=ImageSet(Path(header["root"]), header["layout"], records),
            sizes=tensors["training.sizes"].numpy(),
            seconds=tensors["training.seconds"].numpy(),
            scores=tensors["training.scores"].numpy(),
            patch_maps=tensors["training.patch_maps"],
            hashes=tuple(header["sha256"]),
            skipped=tuple(Skipped(name, reason) for name, reason in header["skipped"]),
        )
