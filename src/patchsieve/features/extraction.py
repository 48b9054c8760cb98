"""Images in, patch features out: batches, progress, broken images named and skipped."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import prod
from time import perf_counter

import numpy as np
import torch

from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features.backbones import Backbone
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.embeddings import Embeddings, as_rows, none_decoded
from patchsieve.features.patches import PatchFeatures
from patchsieve.images.appearance import Appearance, measure_appearance
from patchsieve.images.collection import ImageRecord, ImageSet, Skipped
from patchsieve.images.decoding import decode
from patchsieve.images.preprocessing import Preprocessing
from patchsieve.parallel import start_blocks
from patchsieve.progress import SILENT, Progress, staged

# Images decoded ahead of the backbone, beside the batch that it works on. Threads, not processes: Pillow and torch
# let go of the interpreter while they decode and resize, and nothing has to be copied to where the model is.
_DECODING_THREADS = min(8, os.cpu_count() or 1)
# Images that one thread takes through the backbone at a time: what lies between its layers should stay in the caches.
_BLOCK_IMAGES = 4


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
        return self._start(batch, aside=False)()

    def _start(self, batch: torch.Tensor, *, aside: bool) -> Callable[[], torch.Tensor]:
        """Start the forward pass, beside other work or not, and return what waits for its features."""
        apart = self.backbone.concurrent and self.device.type == "cpu"
        blocks = torch.split(batch, _BLOCK_IMAGES if apart else len(batch))
        done = start_blocks(self._forward, blocks, self.device, aside=aside and apart)
        return lambda: torch.cat(done())

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
        """Embed batch by batch, the next ones ahead in threads; memory does not grow with the number of images.

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
            running: deque[_Batch] = deque()
            records = iter(images)
            try:
                while True:
                    while len(running) <= self._batches_ahead:
                        for record in islice(records, 2 * self.batch_size - len(waiting)):
                            waiting.append((record, pool.submit(self._prepare, record, measure)))
                        if not waiting:
                            break
                        taken = [waiting.popleft() for _ in range(min(self.batch_size, len(waiting)))]
                        # One alone to be scored has all threads to itself. What is learnt from is always worked on
                        # alike, to the last bit, however many images there are.
                        aside = measure or bool(running or waiting)
                        running.append(_Batch.started(self, taken, strict, aside=aside))
                    if not running:
                        return
                    done = running.popleft()
                    yield done.embeddings(images, measure)
                    stage.advance(done.taken)
            finally:
                for _, future in waiting:
                    future.cancel()

    @property
    def _batches_ahead(self) -> int:
        """How many batches are worked on while one is used: as many as it takes to give every thread work."""
        if self.device.type != "cpu" or not self.backbone.concurrent:
            return 0
        return torch.get_num_threads() if self.batch_size <= _BLOCK_IMAGES else 1

    def _prepare(self, record: ImageRecord, measure: bool) -> "_Decoded":
        pixels = decode(record)
        inputs = tuple(each.preprocessing(pixels) for each in (self, *self.others))
        return _Decoded(inputs, pixels.shape[:2], measure_appearance(pixels) if measure else None)

    def _together(self, kinds: list[torch.Tensor]) -> PatchFeatures:
        """Return features of the same images, one `[n, H, W, C]` of each extractor."""
        first, *others = (
            PatchFeatures(features, layer_channels=each.layer_channels)
            for each, features in zip((self, *self.others), kinds, strict=True)
        )
        return first.with_others(others) if others else first


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch on its way through the backbones.

    Attributes:
        extractor: whose.
        ready: its images that could be decoded.
        skipped: the others.
        features: waits for those of each extractor.
        seconds: what starting it took.
        failure: an image that was not to be broken; it is raised when the batch has its turn.
    """

    extractor: FeatureExtractor
    ready: "list[tuple[ImageRecord, _Decoded]]"
    skipped: tuple[Skipped, ...]
    features: list[Callable[[], torch.Tensor]]
    seconds: float
    failure: BrokenImageError | None = None

    @classmethod
    def started(
        cls,
        extractor: FeatureExtractor,
        taken: "list[tuple[ImageRecord, Future[_Decoded]]]",
        strict: bool,
        *,
        aside: bool,
    ) -> "_Batch":
        """Wait for images to be decoded and start their forward pass; see `start_blocks` for `aside`."""
        started = perf_counter()
        ready: list[tuple[ImageRecord, _Decoded]] = []
        skipped: list[Skipped] = []
        for record, future in taken:
            try:
                ready.append((record, future.result()))
            except BrokenImageError as error:
                if strict:
                    return cls(extractor, [], (), [], 0.0, error)
                skipped.append(Skipped(record.name, error.reason))
        features = [
            each._start(torch.stack([decoded.inputs[number] for _, decoded in ready]), aside=aside)
            for number, each in enumerate((extractor, *extractor.others))
            if ready
        ]
        return cls(extractor, ready, tuple(skipped), features, perf_counter() - started)

    @property
    def taken(self) -> int:
        """Of how many images it was made."""
        return len(self.ready) + len(self.skipped)

    def embeddings(self, images: ImageSet, measure: bool) -> Embeddings:
        """Wait for the features, of some of `images`. Raises `BrokenImageError` where there is a failure."""
        if self.failure is not None:
            raise self.failure
        started = perf_counter()
        extractor = self.extractor
        kinds = [features() for features in self.features] or [
            torch.empty(0, *each.shape) for each in (extractor, *extractor.others)
        ]
        share = (self.seconds + perf_counter() - started) / max(1, len(self.ready))
        return Embeddings(
            features=extractor._together(kinds),
            images=images.with_records([record for record, _ in self.ready]),
            sizes=np.array([decoded.size for _, decoded in self.ready], dtype=np.int64).reshape(-1, 2),
            seconds=np.full(len(self.ready), share),
            skipped=self.skipped,
            extractor=extractor,
            appearance=as_rows([decoded.appearance for _, decoded in self.ready]) if measure else None,
        )


@dataclass(frozen=True, slots=True)
class _Decoded:
    inputs: tuple[torch.Tensor, ...]
    size: tuple[int, int]
    appearance: Appearance | None
