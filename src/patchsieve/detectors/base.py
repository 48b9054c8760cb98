"""The interface that all detectors share: fit, predict, suspects, save, load."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, clone

from patchsieve.bank import read_container, write_container
from patchsieve.decisions import FITTED, OperatingPoint, OperatingPoints, Result, require_rate
from patchsieve.detectors import crossfit, frames, header
from patchsieve.detectors.budget import Budget, check_budget
from patchsieve.detectors.judging import judgement, require_calibrated
from patchsieve.detectors.maps import highest
from patchsieve.detectors.presenting import presented, scored, smoother
from patchsieve.detectors.training import TrainingRecord, require_variety
from patchsieve.errors import ConfigError, ImagesError, ModelFileError
from patchsieve.features import (
    Embeddings,
    FeatureExtractor,
    PatchFeatures,
    embed_cached,
    make_extractor,
)
from patchsieve.images import ImageSet, content_hash, distinct, read_images
from patchsieve.parallel import map_ahead
from patchsieve.progress import SILENT, Progress

# Of the training images; not more, since some of them may be defective.
_MOST = 0.75


@dataclass(kw_only=True, eq=False, repr=False)
class Detector(BaseEstimator, ABC):  # type: ignore[misc]
    """Base of all detectors: estimators in the manner of scikit-learn.

    The constructor only stores; `fit` learns; what was learnt ends in an underscore. The settings given here,
    of feature extraction and of calibration, are the same for all detectors.

    Attributes:
        system: the detector's name in configurations, on the command line and in model files.
        backbone: name of the frozen network; see `patchsieve.features.make_backbone`.
        layers: its layers, None for the backbone's default.
        image_size: pixels after resizing: one number for a square, or (height, width); ``native`` for the size that
            most of the training images have.
        crop: pixels of the centre crop after resizing, None to keep the whole image.
        patch_size: side of the neighbourhood that a patch feature averages.
        patch_stride: step between patches.
        dims: width of the patch features, None to keep all channels.
        grid: patches along height and width, None for as many as the finest layer has.
        precision: of the backbone's arithmetic, ``float32`` or ``bfloat16``; see `make_backbone`.
        tile: pixels of the tiles that images larger than one go through the backbone in: one number for squares, or
            (height, width); None to run images whole.
        tile_overlap: what neighbouring tiles have in common at least, in pixels.
        sigma: smoothing of the anomaly map, in pixels of the model frame.
        false_alarms: share of good images that may be above the threshold.
        folds: of the cross-fitting that scores each training image by a model that has not seen it.
        seed: of everything random.
        device: ``cpu``, ``cuda``, ``cuda:1``, ... or ``auto``.
        batch_size: images per forward pass; where images are tiled, tiles.
        memory_budget: bytes that a fit may take; None for half of the machine's memory, or of its GPU's.
        extractor_: turns images into features like those the model was fitted on.
        training_: the training images with their out-of-sample scores and maps.
        operating_points_: the named thresholds; `fit` makes one, called ``default``.
        threshold_: that of the default point: an image with a higher score is called defective.
        pixel_threshold_: what is higher on an anomaly map is outlined as a region.
        timings_: seconds per stage of `fit`.
    """

    system: ClassVar[str]

    backbone: str = "efficientnet_lite0"
    layers: Sequence[str] | None = None
    image_size: int | tuple[int, int] | Literal["native"] = 256
    crop: int | tuple[int, int] | None = 224
    patch_size: int = 3
    patch_stride: int = 1
    dims: int | None = None
    grid: int | tuple[int, int] | None = None
    precision: str = "float32"
    tile: int | tuple[int, int] | None = None
    tile_overlap: int = 64
    sigma: float = 4.0
    false_alarms: float = 0.01
    folds: int = 3
    seed: int = 0
    device: str = "auto"
    batch_size: int = 16
    memory_budget: int | None = None

    def fit(
        self,
        images: Any,
        *,
        strict: bool = False,
        progress: Progress = SILENT,
        cache: Path | str | None = None,
        cache_dtype: str = "float32",
        extractor: FeatureExtractor | None = None,
    ) -> Self:
        """Learn what normal looks like from images that nobody has cleaned.

        Args:
            images: a folder, files, arrays, an `ImageSet` (of which the train part is used), or `Embeddings`.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown the stages of the work.
            cache: folder that keeps the features of images, for other fits and for this one if it is interrupted.
            cache_dtype: how numbers are kept there: ``float32``, or ``float16`` in half the space.
            extractor: what `make_extractor` gave, where it is there already; loading a backbone takes its time.

        Raises:
            PatchSieveError: the images or the configuration cannot be used.
        """
        self.check()
        started = perf_counter()
        embeddings = (
            images
            if isinstance(images, Embeddings)
            else self.embed(
                images,
                strict=strict,
                progress=progress,
                cache=cache,
                cache_dtype=cache_dtype,
                extractor=extractor,
            )
        )
        require_variety(embeddings)
        embedded = perf_counter()
        # Before the long work: a file that vanishes meanwhile shall not cost its result.
        hashes = embeddings.hashes or tuple(content_hash(record) for record in embeddings.images)
        self.extractor_ = embeddings.extractor
        self.learn(embeddings.features, progress)
        learnt = perf_counter()
        scores, patch_maps = self.out_of_sample(embeddings.features, progress)
        self.training_ = TrainingRecord.of(embeddings, hashes, scores, patch_maps, self.doubted())
        point = OperatingPoint.for_false_alarms(
            FITTED, scores, self.false_alarms, doubted=self.training_.set_aside
        )
        self.operate(OperatingPoints.only(point))
        self.pixel_threshold_ = self.unlabelled_pixel_threshold()
        self.timings_ = {
            "embedding": embedded - started,
            "fit": learnt - embedded,
            "calibration": perf_counter() - learnt,
        }
        return self

    def fit_ranking(self, embeddings: Embeddings, progress: Progress = SILENT) -> Self:
        """Learn from embeddings without looking for a threshold, which takes longer than all the rest.

        `predict` then ranks images and calls none of them a defect; there are no `suspects`, and nothing to save. That
        is enough for figures such as the AUROC.

        Raises:
            PatchSieveError: the images or the configuration cannot be used.
        """
        self.check()
        require_variety(embeddings)
        self.extractor_ = embeddings.extractor
        self.learn(embeddings.features, progress)
        self.threshold_ = self.pixel_threshold_ = float("inf")
        return self

    def embed(
        self,
        images: Any,
        *,
        strict: bool = False,
        progress: Progress = SILENT,
        cache: Path | str | None = None,
        cache_dtype: str = "float32",
        extractor: FeatureExtractor | None = None,
    ) -> Embeddings:
        """Extract the features of the images to learn from, exact copies left out. See `fit`.

        They stay in memory where the budget allows it; else they are read from the cache or from a temporary file.
        """
        chosen = distinct(read_images(images).train)
        extractor = extractor or self.make_extractor(chosen)
        kept = self.budget(extractor.device).keeps(len(chosen) * extractor.image_bytes)
        if kept and cache is None:
            return extractor.embed(chosen, strict=strict, progress=progress)
        embedded = embed_cached(extractor, chosen, cache, dtype=cache_dtype, strict=strict, progress=progress)
        return replace(embedded, features=embedded.features.in_memory()) if kept else embedded

    def budget(self, device: torch.device) -> Budget:
        """Return the memory that a fit on `device` may take."""
        return Budget.of(self.memory_budget, device)

    def make_extractor(self, images: ImageSet | None = None) -> FeatureExtractor:
        """Build the feature extractor of this configuration.

        Args:
            images: to learn from; needed where `image_size` is theirs.

        Raises:
            BackboneError: the backbone is not available here.
            ConfigError: a setting cannot work, or the images have no common size where they need one.
        """
        return make_extractor(
            backbone=self.backbone,
            layers=self.layers,
            image_size=frames.image_size(self.image_size, images),
            crop=self.crop,
            patch_size=self.patch_size,
            patch_stride=self.patch_stride,
            dims=self.dims,
            grid=self.grid,
            precision=self.precision,
            tile=self.tile,
            tile_overlap=self.tile_overlap,
            device=self.device,
            batch_size=self.batch_size,
        )

    def operate(self, points: OperatingPoints) -> None:
        """Take these operating points; verdicts follow the default one."""
        self.operating_points_ = points
        self.threshold_ = points[None].threshold

    def predict(
        self,
        images: Any,
        *,
        operating_point: str | None = None,
        review: float | str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
    ) -> Result:
        """Score images and hold them against the threshold.

        Args:
            images: a folder, files, arrays, an `ImageSet` (all its images are scored) or `Embeddings`.
            operating_point: name of the one whose threshold counts; None for the default.
            review: share of the good images whose verdict is to be "review", or ``interval``; see `review_band`.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown one unit an image.

        Raises:
            ImagesError: there are no images, or none could be decoded.
            ConfigError: there is no such operating point.
        """
        parts = self.iter_predict(
            images, operating_point=operating_point, review=review, strict=strict, progress=progress
        )
        result = Result.joined(list(parts))
        if not len(result):
            first = result.skipped[0]
            raise ImagesError(f"none of the images could be decoded; the first: {first.name}: {first.reason}")
        return result

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
        judged = judgement(self, operating_point, review)
        if isinstance(images, Embeddings):
            found, batches = images.images, images.batches(self.extractor_.images_at_once)
        else:
            found = read_images(images)
            batches = self.extractor_.batches(found, strict=strict, progress=progress, title="scoring")
        if not found:
            raise ImagesError(f"there are no images to score in {found.root}")
        extractor = self.extractor_
        ahead = extractor.scored_ahead(len(found))
        for part in map_ahead(partial(scored, self), batches, extractor.device, ahead):
            yield replace(part, **judged)

    def suspects(self, top: int | None = None) -> Result:
        """Return the training images that look defective to models that have not seen them, worst first.

        Those that a person marked keep are not among them; see `refit`.

        Args:
            top: how many; None for those above the threshold.
        """
        require_calibrated(self)
        training = self.training_
        worst = training.unmarked()
        worst = worst[: int((training.scores[worst] > self.threshold_).sum()) if top is None else top]
        return presented(
            self,
            images=training.images.with_records([training.images[int(index)] for index in worst]),
            sizes=training.sizes[worst],
            seconds=training.seconds[worst],
            scores=torch.from_numpy(training.scores[worst]),
            patch_scores=training.patch_maps[torch.from_numpy(worst)],
            skipped=training.skipped,
        )

    def save(self, path: Path | str) -> None:
        """Write the model as one file.

        Raises:
            ModelFileError: it cannot be written; nothing is left half-written.
        """
        require_calibrated(self)
        write_container(path, {**self._state(), **self.training_.tensors()}, header.describe(self))

    @classmethod
    def load(cls, path: Path | str, *, device: str = "auto") -> Self:
        """Read a model that `save` wrote.

        Raises:
            ModelFileError: the file is not a whole model of this system, or its backbone has other weights here.
            BackboneError: its backbone is not available here.
        """
        tensors, kept = read_container(path)
        if kept.get("detector") != cls.system:
            raise ModelFileError(
                f"{path} holds a {kept.get('detector')!r} model, not {cls.system!r}; use patchsieve.load"
            )
        return cls.restored(path, tensors, kept, device=device)

    @classmethod
    def restored(
        cls, path: Path | str, tensors: Mapping[str, torch.Tensor], kept: Mapping[str, Any], *, device: str
    ) -> Self:
        """Rebuild a model from the content of its file; see `load`."""
        model = cls(**header.parameters(kept))
        model.extractor_ = header.extractor(path, kept, device=device, batch_size=model.batch_size)
        model.training_ = TrainingRecord.restored(tensors, kept["training"])
        model.operate(OperatingPoints.restored(kept))
        model.timings_ = dict(kept["timings"])
        known = kept.get("pixel_threshold")  # not in older files, but what it is found from
        model.pixel_threshold_ = model.unlabelled_pixel_threshold() if known is None else float(known)
        model._restore(tensors, model.extractor_.device)
        return model

    def for_fewer(self, images: int, total: int) -> Self:  # noqa: ARG002
        """Return an unfitted copy to be fitted on `images` of the `total` training images."""
        copy: Self = clone(self)
        return copy

    def planned(
        self, images: int, shapes: Sequence[tuple[int, int, int]]
    ) -> list[tuple["Detector", int, tuple[int, int, int]]]:
        """Say for the plan which detectors are fitted: this one, or those that it is made of.

        Args:
            images: number of training images.
            shapes: (H, W, C) of one embedding, for each part of the extractor.

        Returns:
            (detector, number of images it learns from, shape of an embedding) for each.
        """
        return [(self, images, shapes[0])]

    def model_memory(self, images: int, shape: tuple[int, int, int], budget: Budget) -> tuple[str, int]:  # noqa: ARG002
        """Say for the plan what the model itself takes at the fullest moment.

        Args:
            images: number of training images.
            shape: (H, W, C) of one embedding.
            budget: of the fit.

        Returns:
            What it is, in words, and bytes; 0 for too little to count.
        """
        return "model", 0

    def unlabelled_pixel_threshold(self) -> float:
        """Return what the out-of-sample maps of three quarters of the training images exceed nowhere."""
        maps = self.training_.patch_maps
        return float(np.quantile(highest(maps, smoother(self, maps)), _MOST))

    @abstractmethod
    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score patch features.

        Args:
            features: float32 `[B, H, W, C]`.

        Returns:
            Image scores float32 `[B]` and patch scores float32 `[B, H, W]`.
        """

    def score_features(self, features: PatchFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the features of a few images; see `score`."""
        return self.score(features.tensor())

    def out_of_sample(
        self, features: PatchFeatures, progress: Progress, title: str = crossfit.CALIBRATION
    ) -> tuple[npt.NDArray[np.float32], torch.Tensor]:
        """Score the training images by models that have not seen them, once `learn` has learnt from all.

        Args:
            features: `[N, H, W, C]` of the images that were learnt from.
            progress: shown one unit an image.
            title: of the stage that is shown.

        Returns:
            Image scores float32 `[N]` and patch scores float32 `[N, h, w]`, on the CPU.
        """
        return crossfit.out_of_sample(self, features, progress, title)

    @property
    def dropped_images(self) -> tuple[str, ...]:
        """The names of the training images that were not learnt from, the worst first."""
        return ()

    @property
    def why_dropped(self) -> str:
        """Why `dropped_images` were not learnt from, in words that follow "images"."""
        return ""

    @property
    def finding(self) -> str:
        """What the fit found out about the training images beside `dropped_images`, in words; empty for nothing."""
        return ""

    def doubted(self) -> npt.NDArray[np.bool_] | None:
        """Say after `learn` which images look so defective that it did not learn from them: bool `[N]`.

        None where it does not judge images or is not sure; see `ScoreTail.of`.
        """
        return None

    def check(self) -> None:
        """Raise `ConfigError` where a setting cannot work."""
        if self.folds < 2:
            raise ConfigError(f"folds is {self.folds}: cross-fitting needs at least 2")
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}: it must be at least 1")
        if not 0 <= self.sigma < float("inf"):
            raise ConfigError(f"sigma is {self.sigma}: it must be a number of pixels, 0 for no smoothing")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}: it must be a whole number from 0 to {2**32 - 1}")
        frames.check_tiles(self.image_size, self.crop, self.tile, self.tile_overlap)
        check_budget(self.memory_budget)
        require_rate(self.false_alarms)

    @abstractmethod
    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """Learn from the features of the training images, `[N, H, W, C]`, nothing else: no calibration."""

    @abstractmethod
    def _state(self) -> dict[str, torch.Tensor]:
        """Return the learned tensors by name, for the model file."""

    @abstractmethod
    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        """Take the learned tensors back from a model file."""
