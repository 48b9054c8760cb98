"""What the detectors with a memory bank have in common."""

from abc import ABC
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Self

import torch

from patchsieve.bank import CoresetChoice, IndexChoice, MemoryBank, renewed
from patchsieve.detectors import crossfit, updating
from patchsieve.detectors.base import Detector
from patchsieve.detectors.judging import require_calibrated
from patchsieve.errors import ImagesError
from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.images import read_images
from patchsieve.progress import SILENT, Progress

# A defect that matches more of the bank than this is none, or what normal looks like is marked with it.
_MOST_REJECTED = 0.5


@dataclass(kw_only=True, eq=False, repr=False)
class BankDetector(Detector, ABC):
    """A detector that scores a patch by its distance to the nearest patch of a memory bank.

    Attributes:
        coreset: ``greedy`` (k-center), ``composable`` (the same in shards), ``random``, ``kmeans`` or
            ``minibatch_kmeans``.
        coreset_ratio: share of the candidate patches that enters the bank.
        bank_size: the most patches that enter it; None for no limit but the ratio, as in the papers.
        projection_dims: dimensions of the random projection on which a coreset's distances are measured.
        index: how the bank is searched: ``exact``, or by FAISS, ``faiss-flat``, ``faiss-ivf``, ``faiss-hnsw`` or
            ``faiss-pq``; see `patchsieve.bank.IndexChoice`. It is built again when a model is loaded.
        bank_: the memory bank.
    """

    coreset: str = "greedy"
    coreset_ratio: float = 0.1
    bank_size: int | None = 10_000
    projection_dims: int = 128
    index: str = "exact"

    def coreset_choice(self, memory: int | None = None) -> CoresetChoice:
        """Return how the bank's patches are chosen.

        Args:
            memory: bytes that choosing may take; None for no limit.

        Raises:
            ConfigError: the settings cannot work.
        """
        return CoresetChoice(
            method=self.coreset,
            ratio=self.coreset_ratio,
            size=self.bank_size,
            projection_dims=self.projection_dims,
            seed=self.seed,
            memory=memory,
        )

    def index_choice(self) -> IndexChoice:
        """Return how the bank is searched. Raises `ConfigError` where there is no such index."""
        return IndexChoice(self.index, self.seed)

    def build_bank(
        self,
        features: PatchFeatures,
        progress: Progress,
        *,
        keep: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
    ) -> MemoryBank:
        """Choose the bank within the memory budget; see `MemoryBank.build`."""
        choice = self.coreset_choice(self.budget(features.device).for_coreset(features))
        return MemoryBank.build(
            features, choice, keep=keep, weights=weights, index_choice=self.index_choice(), progress=progress
        )

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        self.coreset_choice()
        self.index_choice().check()

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: the cap on the bank shrinks with the images: no denser than the whole."""
        copy = super().for_fewer(images, total)
        if self.bank_size is not None:
            copy.set_params(bank_size=ceil(self.bank_size * images / total))
        return copy

    def update(self, images: Any, *, strict: bool = False, progress: Progress = SILENT) -> Self:
        """Go on learning from images that a person has confirmed to be good, without a fit of all.

        The bank does not grow: what is far from it enters, and what it needs least goes; see
        `patchsieve.bank.renewed`. The images join `training_` behind the others, with scores by models updated
        without them, and thresholds that follow from training scores are found again from the scores of all. Copies of
        images that the model knows are left out. Interrupted, the model is what it was.

        Args:
            images: as `fit` takes them.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown the stages of the work.

        Raises:
            PatchSieveError: the images cannot be used, or nothing in them is new.
        """
        require_calibrated(self)
        embeddings = (
            images
            if isinstance(images, Embeddings)
            else self.embed(images, strict=strict, progress=progress, extractor=self.extractor_)
        )
        fresh, hashes = updating.unseen(embeddings, self.training_.hashes)
        scores, maps = crossfit.updated_by_folds(
            fresh.features, self.folds, self.seed, lambda others: self._updated(others).score
        )
        updated = self._updated(fresh.features, progress)
        updated.training_ = self.training_.extended(fresh, hashes, scores, maps)
        training = updated.training_
        updated.operate(self.operating_points_.recalibrated(training.scores, training.set_aside))
        updated.pixel_threshold_ = updated.unlabelled_pixel_threshold()
        self.__dict__.update(updated.__dict__)
        return self

    def _updated(self, features: PatchFeatures, progress: Progress = SILENT) -> Self:
        model = copy(self)
        if len(features):
            model.learn_more(features, len(self.training_.images), progress)
        return model

    def learn_more(self, features: PatchFeatures, seen: int, progress: Progress = SILENT) -> None:
        """Learn from the features of more images, `[N, H, W, C]`, nothing else; `seen` images were learnt from."""
        self.bank_: MemoryBank = renewed(
            self.bank_, features, seen=seen, method=self.coreset, seed=self.seed, progress=progress
        )

    def reject(
        self,
        images: Any,
        *,
        boxes: Mapping[str, updating.Boxes] | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> Self:
        """Take back what was learnt from defects: what matches them leaves the bank, and no update lets it in again.

        A bank patch matches within the bank's `spacing`, the usual distance of two neighbours in it. Where the defects
        are, say boxes, or masks of the image set; without either they are taken to be where the score is above the
        threshold, or highest. A defect that the bank takes for normal scores low: mark it. `threshold_` stays. Images
        that cannot be decoded join those that `training_` names as skipped.

        Args:
            images: confirmed defects, as `predict` takes them; images of a set that are labelled good are passed over.
            boxes: by name of an image, (left, top, right, bottom) in its pixels.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown one unit an image.

        Raises:
            PatchSieveError: the images cannot be used, or what they show as defective is most of what is normal.
        """
        require_calibrated(self)
        if isinstance(images, Embeddings):
            found, batches = images.images, images.batches(self.extractor_.images_at_once)
        else:
            given = read_images(images)
            found = given.where(lambda record: record.defective is not False)
            if not found:
                raise ImagesError(f"there are no defective images in {given.root}")
            batches = self.extractor_.batches(found, strict=strict, progress=progress, title="defects")
        patches: list[torch.Tensor] = []
        skipped = list(found.skipped)
        for batch in batches:
            skipped.extend(batch.skipped)
            if len(batch):
                maps = self.score(batch.features.tensor())[1]
                patches.append(updating.defect_patches(batch, maps, self.threshold_, boxes or {}))
        if not patches:
            raise ImagesError(f"none of the {len(found)} images in {found.root} could be decoded")
        defects = torch.cat(patches)
        matches = int(self.bank_.matching(defects).sum())
        if matches > _MOST_REJECTED * len(self.bank_):
            raise ImagesError(
                f"{matches} of the {len(self.bank_)} patches of the memory bank look like what is defective in "
                f"{found.root}: mark the defects more closely, with masks or boxes that leave out what is normal "
                "around them"
            )
        self.bank_ = self.bank_.without(defects)
        self.training_ = replace(self.training_, skipped=(*self.training_.skipped, *skipped))
        return self

    def out_of_sample(
        self, features: PatchFeatures, progress: Progress, title: str = crossfit.CALIBRATION
    ) -> crossfit.Scored:
        """See `Detector.out_of_sample`: each image is scored by the bank without the image's own patches.

        That costs one search instead of as many fits as there are folds. The scores are a little higher than those of
        new images, as by models of folds: where the image's patches stood for those of others too, nothing does now.
        What else was learnt, as the soft weights of the others' patches, was learnt with the image among N.
        """
        if not self.passes_over:
            return super().out_of_sample(features, progress, title)
        return crossfit.leaving_one_out(self.score_unseen, features, progress, title)

    @property
    def passes_over(self) -> bool:
        """Whether a training image can be scored without its own patches of the bank: where they are not all."""
        owners = self.bank_.origins[:, 0]
        return bool((owners != owners[0]).any())

    def score_unseen(self, features: torch.Tensor, image: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Score features like `score`, without the bank patches that are from one of the training images."""
        return self.scored(features, self.bank_.of_image(image))

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`: s = W(m*) |p - m*|_2 with m* the nearest bank patch; the image's is the largest."""
        return self.scored(features)

    def scored(
        self, features: torch.Tensor, unseen: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Score features like `score`, without some of the bank patches, int64 `[K]`."""
        index = self.bank_.index if unseen is None else self.bank_.index.without(unseen)
        distances, nearest = index.search(features.flatten(0, 2))
        patch_scores = self.bank_.weighted(distances[:, 0], nearest[:, 0]).view(features.shape[:3])
        return self.image_scores(patch_scores), patch_scores

    def image_scores(self, patch_scores: torch.Tensor) -> torch.Tensor:
        """Return what images `[B, H, W]` score by their patches, float32 `[B]`: as much as the worst."""
        return patch_scores.flatten(1).amax(dim=1)

    def _state(self) -> dict[str, torch.Tensor]:
        bank = self.bank_
        tensors = {
            "bank.features": bank.features,
            "bank.origins": bank.origins,
            "bank.weights": bank.weights,
            "bank.radii": bank.radii,
            "bank.rejected": bank.rejected,
        }
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        bank = MemoryBank(
            tensors["bank.features"],
            tensors.get("bank.weights"),
            tensors["bank.origins"],
            tensors.get("bank.rejected"),
            self.index_choice(),
            tensors.get("bank.radii"),
        )
        self.bank_ = bank.to(device)
        # Built now: the first image shall not wait for it, and what is missing shall be said at once.
        _ = self.bank_.index
