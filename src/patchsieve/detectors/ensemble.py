"""Ensembles: several detectors or backbones, brought to one scale and fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.detectors import crossfit
from patchsieve.detectors.base import Detector
from patchsieve.detectors.fusion import FUSIONS, Calibration, fuse, fuse_maps
from patchsieve.detectors.parts import make_part, named, of_part
from patchsieve.errors import ConfigError
from patchsieve.features import EXTRACTION_SETTINGS, FeatureExtractor, PatchFeatures
from patchsieve.images import ImageSet
from patchsieve.images.preprocessing import Preprocessing
from patchsieve.progress import SILENT, Progress


@dataclass(kw_only=True, eq=False, repr=False)
class Ensemble(Detector):
    """Several detectors over one or several backbones, fused after calibration.

    Each member learns from all training images and, by cross-fitting, scores each of them with a model that has
    not seen it. The median and the median absolute deviation (MAD) of these scores, of images and of patches
    apart, bring the members to one scale; no other image has a say in it, least of all one that is judged. With
    s_i the score by member i, and m_i and d_i the median and the MAD of its own,

        z_i = (s_i - m_i) / d_i          s = m_1 + d_1 * fused z          fused: mean or max over the members

    so an ensemble speaks in the units of its first member, and an ensemble of one is that member. A defective
    tenth of the training images moves neither median far. Maps are fused patch by patch: those of members with
    coarser grids are brought bilinearly to the finest. The threshold comes from the fused out-of-sample scores.

    A member is written as a configuration file is: the name of its `detector` and settings. What it does not say
    of feature extraction and seed, it has from the ensemble, so ``patch_size`` is 3 in a PaDiM member that does not
    say 1. Members that extract alike share their features; each image is decoded once. All members must see the
    same part of the image.

    Attributes:
        members: for each its ``detector`` and its settings.
        fusion: ``mean`` or ``max``.
        members_: the fitted members.
        calibrations_: the scale of each member.
        unseen_: image scores float32 `[N]` and patch scores float32 `[N, h, w]` of the training images, fused, by
            models that have not seen them; only where it was fitted, the model file keeps them as `training_`.

    Example:
        >>> model = Ensemble(members=[{"detector": "softpatch"}, {"detector": "patchcore", "dims": 64}])
        >>> [member.system for member in model.unfitted()]
        ['softpatch', 'patchcore']
    """

    system: ClassVar[str] = "ensemble"

    members: Sequence[Mapping[str, Any]] = ({"detector": "softpatch"}, {"detector": "patchcore"})
    fusion: str = "mean"

    def unfitted(self) -> list[Detector]:
        """Return the members, unfitted. Raises `ConfigError` where their settings cannot work."""
        found = []
        for number, member in enumerate(self.members, start=1):
            settings = dict(member)
            name = settings.pop("detector", None)
            if name is None:
                raise ConfigError(
                    f"member {number} of the ensemble has no detector: write {{detector: softpatch, ...}}"
                )
            found.append(make_part(self, str(name), settings, apart=(*EXTRACTION_SETTINGS, "seed")))
        return found

    def check(self) -> None:
        """See `Detector.check`."""
        super().check()
        if self.fusion not in FUSIONS:
            raise ConfigError(f"there is no fusion {self.fusion!r}; choose one of {', '.join(FUSIONS)}")
        if not self.members:
            raise ConfigError("an ensemble needs at least one member")
        self.unfitted()

    def planned(
        self, images: int, shapes: Sequence[tuple[int, int, int]]
    ) -> list[tuple[Detector, int, tuple[int, int, int]]]:
        """See `Detector.planned`."""
        members = self.unfitted()
        return [
            part
            for member, kind in zip(members, _kinds(members), strict=True)
            for part in member.planned(images, [shapes[kind]])
        ]

    def make_extractor(self, images: ImageSet | None = None) -> FeatureExtractor:
        """See `Detector.make_extractor`: that of the first member, with those of the others beside it."""
        members = self.unfitted()
        kinds = _kinds(members)
        first, *others = (members[kinds.index(kind)].make_extractor(images) for kind in range(max(kinds) + 1))
        for other in others:
            if _seen(other.preprocessing) != _seen(first.preprocessing):
                raise ConfigError(
                    f"the members of the ensemble see different parts of the image ({_part(first.preprocessing)} and "
                    f"{_part(other.preprocessing)}): give crop and image_size the same proportions"
                )
        return replace(first, others=tuple(others)) if others else first

    def learn(self, features: PatchFeatures, progress: Progress = SILENT) -> None:
        """See `Detector.learn`; the calibration of the members is part of it: without it there is no score.

        Raises:
            ConfigError: the members need other features than these.
        """
        members = self.unfitted()
        chosen = self._of_members(members, features)
        self.calibrations_: list[Calibration] = []
        scores, maps = [], []
        for number, (member, own) in enumerate(zip(members, chosen, strict=True), start=1):
            member.learn(own, progress)
            title = f"calibration of member {number}, {member.system}"
            image_scores, patch_scores = member.out_of_sample(own, progress, title)
            scores.append(torch.from_numpy(image_scores))
            maps.append(patch_scores)
            self.calibrations_.append(Calibration.of(image_scores, patch_scores))
        self.members_ = members
        fused, fused_maps = self._fused(scores, maps)
        self.unseen_ = fused.numpy(), fused_maps

    def out_of_sample(
        self,
        features: PatchFeatures,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
        title: str = crossfit.CALIBRATION,  # noqa: ARG002
    ) -> tuple[npt.NDArray[np.float32], torch.Tensor]:
        """See `Detector.out_of_sample`: those that the members were calibrated with, fused."""
        return self.unseen_

    def score(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score`, for members that all extract alike."""
        return self.score_features(PatchFeatures(features))

    def score_features(self, features: PatchFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.score_features`. Raises `ConfigError` where the members need other features."""
        chosen = self._of_members(self.members_, features)
        parts = [member.score(own.tensor()) for member, own in zip(self.members_, chosen, strict=True)]
        return self._fused([scores for scores, _ in parts], [maps for _, maps in parts])

    def _fused(
        self, scores: Sequence[torch.Tensor], maps: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        fused = fuse(scores, [calibration.images for calibration in self.calibrations_], self.fusion)
        return fused, fuse_maps(
            maps, [calibration.patches for calibration in self.calibrations_], self.fusion
        )

    def _of_members(self, members: Sequence[Detector], features: PatchFeatures) -> list[PatchFeatures]:
        kinds = _kinds(members)
        given = (features, *features.others)
        if len(given) != max(kinds) + 1:
            raise ConfigError(
                f"the members of this ensemble need features of {max(kinds) + 1} kinds, not of {len(given)}: "
                "give images, or what its own embed returns"
            )
        return [given[kind] for kind in kinds]

    def _state(self) -> dict[str, torch.Tensor]:
        tensors = {"calibration": torch.stack([calibration.tensor() for calibration in self.calibrations_])}
        for number, member in enumerate(self.members_, start=1):
            tensors |= named(f"member{number}", member._state())
        return tensors

    def _restore(self, tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
        self.calibrations_ = [Calibration.restored(row) for row in tensors["calibration"]]
        self.members_ = self.unfitted()
        for number, member in enumerate(self.members_, start=1):
            member._restore(of_part(f"member{number}", tensors), device)


def _kinds(members: Sequence[Detector]) -> list[int]:
    """Return for each member which kind of features it needs, counted from 0 in order of appearance."""
    settings = [tuple(str(getattr(member, name)) for name in EXTRACTION_SETTINGS) for member in members]
    order = list(dict.fromkeys(settings))
    return [order.index(each) for each in settings]


def _seen(preprocessing: Preprocessing) -> tuple[float, ...]:
    """Return the box of the model frame in an image of height and width 1."""
    return tuple(round(edge, 6) for edge in preprocessing.box(1, 1))


def _part(preprocessing: Preprocessing) -> str:
    height, width = preprocessing.frame
    return f"{height} x {width} of {preprocessing.image_size[0]} x {preprocessing.image_size[1]}"
