"""Image-level denoising: a first detector says which training images to leave out, a second learns from the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch

from patchsieve.detectors import crossfit
from patchsieve.detectors.base import Detector
from patchsieve.detectors.parts import make_part, named, of_part, own_settings
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT, Progress


@dataclass(kw_only=True, eq=False, repr=False)
class Denoised(Detector):
    """Image-level denoising before any detector: the baseline that SoftPatch is compared with.

    A first detector scores the training images; the share `drop` of them with the highest scores is left out,
    floor(drop * N) whole images; a second detector learns from the rest and does all the scoring. Where
    SoftPatch sieves patches, this sieves images: good patches of a defective image are lost, and a defect
    that the first detector overlooks stays.

    Each image is scored by a model of the first detector that has not seen it, by the same cross-fitting that
    finds the threshold. In-sample scores would do for a few Gaussians over many images; the Mahalanobis
    distances of N images under their own covariance become all alike as N falls to the number of channels, and
    in a memory bank every image that gave a patch is at distance zero from itself, the outliers first of all.

    What all detectors have in common (backbone, seed, ...) is set for the whole and holds for both.

    References:
        Jiang et al. (2022), arXiv 2403.14233, section 4: PaDiM with a small ResNet as the first detector, shares
        of 0.1 and 0.15.

    Attributes:
        first: name of the detector that scores the training images.
        second: name of the detector that learns from those that stay.
        first_settings: settings that only the first has, by name.
        second_settings: likewise of the second.
        drop: share of the training images to leave out, 0 <= drop < 1.
        dropped_: int64 `[D]`, which of the training images were left out, the worst first.
        second_: the second detector, fitted.

    Example:
        >>> model = Denoised(second="softpatch", second_settings={"tau": 0.05}, drop=0.1)
        >>> model.second_detector().get_params()["tau"]
        0.05
    """

    system: ClassVar[str] = "denoised"

    first: str = "padim"
    second: str = "patchcore"
    first_settings: Mapping[str, Any] = field(default_factory=dict)
    second_settings: Mapping[str, Any] = field(default_factory=dict)
    drop: float = 0.15

    @property
    def dropped_images(self) -> tuple[str, ...]:
        """See `Detector.dropped_images`: the worst by the first detector."""
        return tuple(self.training_.images[int(index)].name for index in self.dropped_)

    @property
    def why_dropped(self) -> str:
        """See `Detector.why_dropped`."""
        return "dropped by image-level denoising"

    def first_detector(self) -> Detector:
        """Return the detector that chooses, unfitted. Raises `ConfigError` where the settings cannot work."""
        return make_part(self, self.first, self.first_settings)

    def second_detector(self) -> Detector:
        """Return the detector that learns from the rest, likewise."""
        return make_part(self, self.second, self.second_settings)

    def kept(self, images: int) -> int:
        """Return how many of so many training images stay."""
        return images - int(self.drop * images)

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if not 0 <= self.drop < 1:
            raise ConfigError(
                f"drop is {self.drop}: the share of images to leave out must be at least 0 and below 1"
            )
        self.first_detector()
        self.second_detector()

    def planned(
        self, images: int, shapes: Sequence[tuple[int, int, int]]
    ) -> list[tuple[Detector, int, tuple[int, int, int]]]:
        """See `Detector.planned`."""
        return [
            *self.first_detector().planned(images, shapes),
            *self.second_detector().planned(self.kept(images), shapes),
        ]

    def for_fewer(self, images: int, total: int) -> Self:
        """See `Detector.for_fewer`: so do its parts, the second with what is left."""
        copy = super().for_fewer(images, total)
        first = self.first_detector().for_fewer(images, total)
        second = self.second_detector().for_fewer(self.kept(images), self.kept(total))
        copy.set_params(first_settings=own_settings(first), second_settings=own_settings(second))
        return copy

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`."""
        images = len(features)
        order = np.arange(images)
        if self.kept(images) < images:
            first = self.first_detector()
            scores, _ = crossfit.out_of_sample(first, features, progress, title="image-level denoising")
            order = np.argsort(-scores, kind="stable")
        self.dropped_ = order[: images - self.kept(images)]
        self.second_ = self.second_detector()
        self.second_.learn(features.take(np.setdiff1d(order, self.dropped_)), progress)

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`: that of the second detector."""
        return self.second_.score(features)

    def _state(self) -> dict[str, torch.Tensor]:
        return {"dropped": torch.from_numpy(self.dropped_), **named("second", self.second_._state())}

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        self.dropped_ = tensors["dropped"].cpu().numpy()
        self.second_ = self.second_detector()
        self.second_._restore(of_part("second", tensors), device)
