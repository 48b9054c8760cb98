"""Detectors whose networks are trained on the images they are fitted to."""

import hashlib
import json
import shutil
from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from torch import nn

from patchsieve.detectors.base import Detector
from patchsieve.detectors.trained.checkpoint import Checkpoint
from patchsieve.detectors.trained.loop import Lessons, Schedule, train
from patchsieve.errors import ConfigError, ImagesError
from patchsieve.features import PatchFeatures
from patchsieve.progress import Progress

# Images whose features tell one training from another.
_TELLING_IMAGES = 4


@dataclass(kw_only=True, eq=False, repr=False)
class TrainedDetector(Detector, ABC):
    """A detector that trains a network, judged after each epoch on training images held out.

    Attributes:
        folds: of the cross-fitting; each trains once more, so that a fit takes (1 + folds) trainings.
        epochs: of a training, at most.
        epoch_steps: steps of one epoch; an epoch is so many steps, however many images there are.
        training_batch: patches (`cflow`) or images (`patch_svdd`) of one step.
        learning_rate: of Adam at its highest; it rises over the first epoch, then falls to zero along a cosine.
        patience: epochs without a better result on the held-out images after which a training ends.
        validation_share: share of the training images that is held out, one image at least.
    """

    folds: int = 2
    epochs: int = 12
    epoch_steps: int = 64
    training_batch: int = 256
    learning_rate: float = 1e-3
    patience: int = 5
    validation_share: float = 0.1

    def fit(self, images: Any, *, cache: Path | str | None = None, **options: Any) -> Self:
        """Learn from images that nobody has cleaned; see `Detector.fit`.

        Where a cache is named, trainings under way are kept there too, and go when the fit is done: interrupted, it
        goes on at the last whole epoch.
        """
        unfinished = None if cache is None else Path(cache) / f"training-{self._digest()}"
        self._unfinished = unfinished
        try:
            super().fit(images, cache=cache, **options)
        finally:
            del self._unfinished
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
        return self

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`.

        Raises:
            ImagesError: one image alone is left, and none can be held out.
        """
        if images < 2:
            raise ImagesError(
                f"{total} training images are too few for {self.system}: to find the threshold it scores each by a "
                "model of the others, and that model is trained on some images and judged on another; add images"
            )
        copy = super().for_fewer(images, total)
        copy._unfinished = self._kept_in()
        return copy

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        for name in ("epochs", "epoch_steps", "training_batch", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(f"learning_rate is {self.learning_rate}: it must be above 0, such as 0.001")
        if not 0 < self.validation_share < 1:
            raise ConfigError(f"validation_share is {self.validation_share}: it must lie between 0 and 1")

    def train(
        self, network: nn.Module, lessons: Lessons, features: PatchFeatures, progress: Progress
    ) -> None:
        """Train `network` with this detector's settings; `features` tells this training from others."""
        schedule = Schedule(
            epochs=self.epochs,
            steps=self.epoch_steps,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=self.seed,
        )
        folder = self._kept_in()
        checkpoint = Checkpoint(folder / f"{_fingerprint(features)}.safetensors") if folder else None
        train(
            network,
            lessons,
            schedule,
            checkpoint=checkpoint,
            progress=progress,
            title=f"training {self.system}",
        )

    def _kept_in(self) -> Path | None:
        """Return where trainings under way are kept; None without a cache, and outside of `fit`."""
        return getattr(self, "_unfinished", None)

    def _digest(self) -> str:
        settings = json.dumps(
            {"system": self.system, **self.get_params(deep=False)}, sort_keys=True, default=str
        )
        return hashlib.sha256(settings.encode()).hexdigest()[:16]


def split_images(images: int, share: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split image indices at random into those to train on and those held out, both int64 and ascending.

    At least one is on each side.

    Args:
        images: how many there are, at least 2.
        share: of the images that is held out.
        seed: of the choice.

    Raises:
        ImagesError: there is only one.
    """
    if images < 2:
        raise ImagesError("1 training image is too few: networks are trained on some and judged on others")
    held_out = min(images - 1, max(1, round(share * images)))
    order = np.random.default_rng(seed).permutation(images)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _fingerprint(features: PatchFeatures) -> str:
    digest = hashlib.sha256(str((features.shape, features.layer_channels)).encode())
    for image in np.linspace(0, len(features) - 1, _TELLING_IMAGES).astype(int).tolist():
        digest.update(features.images(image, image + 1).cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
