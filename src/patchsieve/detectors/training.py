"""What a model remembers of the images it was fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import ImagesError
from patchsieve.features import Embeddings, pooled
from patchsieve.images import STATISTICS, Appearance, ImageRecord, ImageSet, Skipped


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
        pooled: float16 `[N, C]`, the mean of each image's patch features; None in old model files.
        kept: names of images that a person confirmed to be good; they are no suspects any more.
        appearance: float32 `[N, S]`, the figures of `patchsieve.images.STATISTICS`; None in old model files, and where
            the embeddings given to the fit had none.
        doubted: bool `[N]`, images that the detector did not learn from because they look defective; None where it has
            no sure judgement of them.
    """

    images: ImageSet = field(repr=False)
    sizes: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    scores: npt.NDArray[np.float32] = field(repr=False)
    patch_maps: torch.Tensor = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)
    skipped: tuple[Skipped, ...] = ()
    kept: tuple[str, ...] = ()
    pooled: torch.Tensor | None = field(default=None, repr=False)
    appearance: Appearance | None = field(default=None, repr=False)
    doubted: npt.NDArray[np.bool_] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        embeddings: Embeddings,
        hashes: tuple[str, ...],
        scores: npt.NDArray[np.float32],
        patch_maps: torch.Tensor,
        doubted: npt.NDArray[np.bool_] | None = None,
    ) -> "TrainingRecord":
        """Return the record of the images that a model was fitted on; see the attributes."""
        return cls(
            images=embeddings.images,
            sizes=embeddings.sizes,
            seconds=embeddings.seconds,
            scores=scores,
            patch_maps=patch_maps,
            hashes=hashes,
            skipped=(*embeddings.images.skipped, *embeddings.skipped),
            pooled=pooled(embeddings.features),
            appearance=embeddings.appearance,
            doubted=doubted,
        )

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
            kept=self.kept,
            # Of some of the images only, they would not stand for all.
            pooled=None if self.pooled is None else torch.cat([self.pooled, pooled(embeddings.features)]),
            appearance=None
            if self.appearance is None or embeddings.appearance is None
            else np.concatenate([self.appearance, embeddings.appearance]),
            # Those that are added are confirmed to be good.
            doubted=None if self.doubted is None else np.pad(self.doubted, (0, len(embeddings))),
        )

    @property
    def set_aside(self) -> npt.NDArray[np.bool_] | None:
        """Which images thresholds do not count as good: those doubted that nobody has confirmed.

        None where the detector has no sure judgement.
        """
        return None if self.doubted is None else self.doubted & ~self._confirmed()

    def unmarked(self) -> npt.NDArray[np.int64]:
        """Return which images nobody has confirmed to be good, worst first: int64 `[N - kept]`."""
        order = np.argsort(-self.scores, kind="stable")
        return order[~self._confirmed()[order]]

    def _confirmed(self) -> npt.NDArray[np.bool_]:
        return np.isin(np.array(self.images.names, dtype=object), np.array(self.kept, dtype=object))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what belongs among the tensors of a model file."""
        tensors = {
            "training.sizes": torch.from_numpy(self.sizes),
            "training.seconds": torch.from_numpy(self.seconds),
            "training.scores": torch.from_numpy(self.scores),
            "training.patch_maps": self.patch_maps,
        }
        if self.pooled is not None:
            tensors["training.pooled"] = self.pooled
        if self.appearance is not None:
            tensors["training.appearance"] = torch.from_numpy(self.appearance)
        if self.doubted is not None:
            tensors["training.doubted"] = torch.from_numpy(self.doubted)
        return tensors

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
            "kept": list(self.kept),
            "appearance": [each.name for each in STATISTICS],
        }

    @classmethod
    def restored(cls, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> "TrainingRecord":
        """Rebuild the record from a model file."""
        records = tuple(
            ImageRecord(name=name, path=None if path is None else Path(path), split="train")
            for name, path in header["images"]
        )
        # Figures that another version measures are not these.
        comparable = header.get("appearance") == [each.name for each in STATISTICS]
        return cls(
            images=ImageSet(Path(header["root"]), header["layout"], records),
            sizes=tensors["training.sizes"].numpy(),
            seconds=tensors["training.seconds"].numpy(),
            scores=tensors["training.scores"].numpy(),
            patch_maps=tensors["training.patch_maps"],
            hashes=tuple(header["sha256"]),
            skipped=tuple(Skipped(name, reason) for name, reason in header["skipped"]),
            kept=tuple(header.get("kept", ())),
            pooled=tensors.get("training.pooled"),
            appearance=tensors["training.appearance"].numpy()
            if comparable and "training.appearance" in tensors
            else None,
            doubted=tensors["training.doubted"].numpy() if "training.doubted" in tensors else None,
        )


def require_others(images: int, total: int, system: str, why: str) -> None:
    """Raise `ImagesError` where a part of the training images, `images` of `total`, is one image alone."""
    if images < 2:
        raise ImagesError(
            f"{total} training images are too few for {system}: to find the threshold it scores each by a model of the "
            f"others, and {why}; add images"
        )


def require_variety(embeddings: Embeddings) -> None:
    """Raise `ImagesError` where the images cannot show what varies."""
    if len(embeddings) < 2:
        others = len(embeddings.images.skipped) + len(embeddings.skipped)
        left_out = f" ({others} more are left out, as exact copies or unreadable)" if others else ""
        raise ImagesError(
            f"only {len(embeddings)} distinct usable training image in {embeddings.images.root}{left_out}: "
            "at least 2 are needed to learn what varies, 50 or more to learn it well"
        )
    first = embeddings.features.images(0, 1)
    if all(torch.equal(first, other) for other in embeddings.features.batches(1)):
        raise ImagesError(
            f"all {len(embeddings)} training images in {embeddings.images.root} look identical to the backbone: "
            "there is no variation to learn from; check that the camera delivers live pictures"
        )
