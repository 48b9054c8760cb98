"""Images in, patch features out: batches, progress, broken images named and skipped."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from math import prod
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features.backbones import Backbone
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.patches import PatchFeatures
from patchsieve.images.appearance import STATISTICS, Appearance, measure_appearance
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.decoding import decode
from patchsieve.images.preprocessing import Preprocessing
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged

# Images decoded ahead of the backbone, beside the batch that it works on. Threads, not processes: Pillow and torch
# let go of the interpreter while they decode and resize, and nothing has to be copied to where the model is.
_DECODING_THREADS = min(8, os.cpu_count() or 1)
# Images that one thread takes through the backbone at a time: what lies between its layers should stay in the caches.
_BLOCK_IMAGES = 4


@dataclass(frozen=True)
class Embeddings:
    """The patch features of a set of images; one extraction serves any number of detectors.

    Attributes:
        features: `[N, H, W, C]`.
        images: the N images, in order.
        sizes: int64 `[N, 2]`, (height, width) of each image as decoded, in pixels.
        seconds: float64 `[N]`, each image's share of the time of its batch, decoding waited for included.
        skipped: images that could not be decoded.
        extractor: what made them, and can make more like them.
        appearance: float32 `[N, S]`, the figures of `patchsieve.images.STATISTICS`; None where they were not measured.
    """

    features: PatchFeatures = field(repr=False)
    images: ImageSet = field(repr=False)
    sizes: npt.NDArray[np.int64] = field(repr=False)
    seconds: npt.NDArray[np.float64] = field(repr=False)
    skipped: tuple[Skipped, ...]
    extractor: "FeatureExtractor" = field(repr=False)
    appearance: Appearance | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.features)

    def take(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> "Embeddings":
        """Return the embeddings of some of the images, in the order of `indices`."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            features=self.features.take(chosen),
            images=self.images.with_records([self.images[int(index)] for index in chosen]),
            sizes=self.sizes[chosen],
            seconds=self.seconds[chosen],
            appearance=None if self.appearance is None else self.appearance[chosen],
        )

    def batches(self, size: int) -> "Iterator[Embeddings]":
        """Yield the embeddings of `size` images at a time; the first batch names those that were skipped."""
        for first in range(0, len(self), size):
            batch = self.take(np.arange(first, min(first + size, len(self))))
            yield batch if first == 0 else replace(batch, skipped=())


@dataclass(frozen=True)
class FeatureExtractor:
    """A backbone with what stands before and behind it.

    Attributes:
        backbone: the network, already on `device`.
        preprocessing: from pixels to the network's input.
        aggregation: from feature maps to patch features.
        device: where the network runs.
        batch_size: images per forward pass.
        others: extractors that embed the same images along with this one, each image decoded once for all; what
            is said of shapes and channels is of this one.
    """

    backbone: Backbone
    preprocessing: Preprocessing
    aggregation: PatchAggregation
    device: torch.device
    batch_size: int = 16
    others: "tuple[FeatureExtractor, ...]" = ()

    @property
    def parts(self) -> "tuple[FeatureExtractor, ...]":
        """This one and the others, each for itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @cached_property
    def image_bytes(self) -> int:
        """Bytes that the features of one image take as float32, those of the others included."""
        return sum(4 * prod(part.shape) for part in (self, *self.others))

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the embedding of one image."""
        return tuple(self.aggregation(self._empty_layers).shape[1:])  # type: ignore[return-value]

    @property
    def layer_channels(self) -> tuple[int, ...] | None:
        """How many of the C channels come from each layer; None where `dims` has mixed them."""
        widths = tuple(layer.shape[1] for layer in self._empty_layers)
        return widths if sum(widths) == self.shape[2] else None

    @cached_property
    @torch.inference_mode()
    def _empty_layers(self) -> list[torch.Tensor]:
        """What the backbone makes of an empty image: its shapes cannot be known before."""
        return self.backbone(torch.zeros(1, 3, *self.preprocessing.frame, device=self.device))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return patch features float32 `[B, H, W, C]` of preprocessed images float32 `[B, 3, h, w]`."""
        apart = self.backbone.concurrent and self.device.type == "cpu"
        size = _BLOCK_IMAGES if apart else len(batch)
        return torch.cat(map_blocks(self._forward, torch.split(batch, size), self.device))

    @torch.inference_mode()
    def _forward(self, block: torch.Tensor) -> torch.Tensor:
        return self.aggregation(self.backbone(block.to(self.device)))

    def embed(self, images: ImageSet, *, strict: bool = False, progress: Progress = SILENT) -> Embeddings:
        """Embed a whole set into memory.

        Args:
            images: what to embed.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown one unit an image.

        Raises:
            BrokenImageError: an image cannot be decoded and `strict` is set.
            ImagesError: there are no images, or none of them could be decoded.
        """
        if not images:
            raise ImagesError(f"there are no images to work on in {images.root}")
        # Filled in place: collecting the batches first would hold everything twice while they are joined.
        kinds = [torch.empty(len(images), *each.shape, device=self.device) for each in (self, *self.others)]
        parts = []
        done = 0
        for part in self.batches(images, strict=strict, progress=progress, measure=True):
            for features, found in zip(kinds, (part.features, *part.features.others), strict=True):
                features[done : done + len(part)] = found.tensor()
            done += len(part)
            parts.append(replace(part, features=PatchFeatures(kinds[0][:0])))
        skipped = tuple(skip for part in parts for skip in part.skipped)
        if not done:
            raise none_decoded(images, skipped)
        return Embeddings(
            features=self._together([features[:done] for features in kinds]),
            images=images.with_records([record for part in parts for record in part.images]),
            sizes=np.concatenate([part.sizes for part in parts]),
            seconds=np.concatenate([part.seconds for part in parts]),
            skipped=skipped,
            extractor=self,
            appearance=np.concatenate([part.appearance for part in parts if part.appearance is not None]),
        )

    def batches(
        self,
        images: ImageSet,
        *,
        strict: bool = False,
        progress: Progress = SILENT,
        title: str = "embedding",
        measure: bool = False,
    ) -> Iterator[Embeddings]:
        """Embed batch by batch, decoding ahead in threads; memory does not grow with the number of images.

        Args:
            images: what to embed.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown one unit an image.
            title: of the stage that is shown.
            measure: whether the `appearance` of the images is wanted, too.

        Raises:
            BrokenImageError: an image cannot be decoded and `strict` is set.
        """
        with ThreadPoolExecutor(_DECODING_THREADS) as pool, staged(progress, title, len(images)) as stage:
            waiting: deque[tuple[ImageRecord, Future[_Decoded]]] = deque()
            records = iter(images)
            try:
                while True:
                    for record in islice(records, 2 * self.batch_size - len(waiting)):
                        waiting.append((record, pool.submit(self._prepare, record, measure)))
                    if not waiting:
                        return
                    taken = [waiting.popleft() for _ in range(min(self.batch_size, len(waiting)))]
                    yield self._run(images, taken, strict, measure)
                    stage.advance(len(taken))
            finally:
                for _, future in waiting:
                    future.cancel()

    def _prepare(self, record: ImageRecord, measure: bool) -> "_Decoded":
        pixels = decode(record)
        inputs = tuple(each.preprocessing(pixels) for each in (self, *self.others))
        return _Decoded(inputs, pixels.shape[:2], measure_appearance(pixels) if measure else None)

    def _run(
        self,
        images: ImageSet,
        taken: "list[tuple[ImageRecord, Future[_Decoded]]]",
        strict: bool,
        measure: bool,
    ) -> Embeddings:
        started = perf_counter()
        ready: list[tuple[ImageRecord, _Decoded]] = []
        skipped: list[Skipped] = []
        for record, future in taken:
            try:
                ready.append((record, future.result()))
            except BrokenImageError as error:
                if strict:
                    raise
                skipped.append(Skipped(record.name, error.reason))
        kinds = []
        for number, each in enumerate((self, *self.others)):
            if ready:
                kinds.append(each.forward(torch.stack([decoded.inputs[number] for _, decoded in ready])))
            else:
                kinds.append(torch.empty(0, *each.shape))
        share = (perf_counter() - started) / max(1, len(ready))
        return Embeddings(
            features=self._together(kinds),
            images=images.with_records([record for record, _ in ready]),
            sizes=np.array([decoded.size for _, decoded in ready], dtype=np.int64).reshape(-1, 2),
            seconds=np.full(len(ready), share),
            skipped=tuple(skipped),
            extractor=self,
            appearance=as_rows([decoded.appearance for _, decoded in ready]) if measure else None,
        )

    def _together(self, kinds: list[torch.Tensor]) -> PatchFeatures:
        """Return features of the same images, one `[n, H, W, C]` of each extractor."""
        first, *others = (
            PatchFeatures(features, layer_channels=each.layer_channels)
            for each, features in zip((self, *self.others), kinds, strict=True)
        )
        return first.with_others(others) if others else first


@dataclass(frozen=True, slots=True)
class _Decoded:
    inputs: tuple[torch.Tensor, ...]
    size: tuple[int, int]
    appearance: Appearance | None


def as_rows(measured: "Sequence[Appearance | None]") -> Appearance:
    """Return the figures of several images as float32 `[N, S]`, also of none."""
    return np.array(measured, dtype=np.float32).reshape(-1, len(STATISTICS))


def none_decoded(images: ImageSet, skipped: Sequence[Skipped]) -> ImagesError:
    """Return the error that all of these images were skipped."""
    first = skipped[0]
    return ImagesError(
        f"none of the {len(images)} images could be decoded; the first: {first.name}: {first.reason}"
    )
