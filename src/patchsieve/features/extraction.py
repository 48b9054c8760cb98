"""Images in, patch features out: batches, progress, broken images named and skipped."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import prod

import numpy as np
import torch

from patchsieve.errors import ImagesError
from patchsieve.features.backbones import Backbone
from patchsieve.features.batches import Batch, Decoded
from patchsieve.features.embedding import PatchAggregation
from patchsieve.features.embeddings import Embeddings, none_decoded
from patchsieve.features.patches import PatchFeatures
from patchsieve.features.tiling import Tiling, layer_strides
from patchsieve.images.appearance import measure_appearance
from patchsieve.images.collection import ImageRecord, ImageSet
from patchsieve.images.decoding import decode
from patchsieve.images.preprocessing import Preprocessing, Size
from patchsieve.parallel import start_blocks
from patchsieve.progress import SILENT, Progress, staged

# Images decoded ahead of the backbone, beside the batch that it works on. Threads, not processes: Pillow and torch
# let go of the interpreter while they decode and resize, and nothing has to be copied to where the model is.
_DECODING_THREADS = min(8, os.cpu_count() or 1)
# Images that one thread takes through the backbone at a time, and their pixels: what lies between its layers should
# stay in the caches.
_BLOCK_IMAGES = 4
_BLOCK_PIXELS = 4 * 256 * 256
# What the widest layers of the usual networks, one after the other, hold for each pixel of an image.
_PIXEL_BYTES = 256
# Of images so large that a batch would take more than this before and after the backbone, fewer go together.
_BATCH_BYTES = 256 * 2**20
# Batches at a time: one is used while the next is made.
_IN_WORK = 2


@dataclass(frozen=True)
class FeatureExtractor:
    """A backbone with what stands before and behind it.

    Attributes:
        backbone: the network, already on `device`.
        preprocessing: from pixels to the network's input.
        aggregation: from feature maps to patch features.
        device: where the network runs.
        batch_size: images per forward pass; where images are tiled, tiles.
        others: extractors that embed the same images along with this one, each image decoded once for all; what
            is said of shapes and channels is of this one.
        tile: (height, width) of the tiles that images are cut into, in pixels; None where they are run whole.
        tile_overlap: what neighbouring tiles have in common at least, in pixels.
    """

    backbone: Backbone
    preprocessing: Preprocessing
    aggregation: PatchAggregation
    device: torch.device
    batch_size: int = 16
    others: "tuple[FeatureExtractor, ...]" = ()
    tile: Size | None = None
    tile_overlap: int = 0

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
    def images_at_once(self) -> int:
        """How many images go through the backbones together: `batch_size`, fewer of tiled and of large ones."""
        parts = (self, *self.others)
        return min(
            _BATCH_BYTES // self._bytes_each or 1, *(each.batch_size // each._pieces or 1 for each in parts)
        )

    @property
    def working_bytes(self) -> int:
        """About what images on their way take: before, between and after the layers of the backbones."""
        between = max(each._between_bytes for each in (self, *self.others))
        return _IN_WORK * self.images_at_once * self._bytes_each + between

    @property
    def _bytes_each(self) -> int:
        """What an image takes: its pixels as floats and once more normalised; its layers, side by side and in order."""
        pixels = sum(prod(each.preprocessing.frame) for each in (self, *self.others))
        return 2 * 3 * 4 * pixels + 3 * self.image_bytes

    @property
    def _between_bytes(self) -> int:
        together = self._block * torch.get_num_threads() if self._apart else self.batch_size
        return _PIXEL_BYTES * self._piece_pixels * together

    @property
    def _piece_pixels(self) -> int:
        return prod(self.tile or self.preprocessing.frame)

    @property
    def _apart(self) -> bool:
        """Whether each thread takes images of its own through the backbone."""
        return self.backbone.concurrent and self.device.type == "cpu"

    @property
    def _block(self) -> int:
        """How many images, or tiles, one thread takes through the backbone at a time."""
        return min(_BLOCK_IMAGES, _BLOCK_PIXELS // self._piece_pixels or 1)

    @cached_property
    def tiling(self) -> Tiling | None:
        """Where the tiles lie; None where images are run whole.

        Raises:
            ConfigError: the backbone cannot be run on such tiles.
        """
        if self.tile is None:
            return None
        cells = [(layer.shape[2], layer.shape[3]) for layer in self._empty_piece]
        return Tiling.of(
            self.preprocessing.frame,
            self.tile,
            self.tile_overlap,
            layer_strides(self.tile, cells),
            fixed=self.backbone.input_size is not None,
        )

    @cached_property
    @torch.inference_mode()
    def _empty_piece(self) -> list[torch.Tensor]:
        """What the backbone makes of an empty image, or tile: its shapes cannot be known before."""
        return self.backbone(torch.zeros(1, 3, *(self.tile or self.preprocessing.frame), device=self.device))

    @property
    def _pieces(self) -> int:
        """In how many pieces an image goes through the backbone."""
        return 1 if self.tiling is None else len(self.tiling)

    @property
    def _empty_layers(self) -> list[torch.Tensor]:
        """Layers of the shapes that those of an image have."""
        if self.tiling is None or self.tile is None:
            return self._empty_piece
        grids = [self.tiling.grid(self.tile, (layer.shape[2], layer.shape[3])) for layer in self._empty_piece]
        return [
            torch.zeros(1, layer.shape[1], *grid, device=self.device)
            for layer, grid in zip(self._empty_piece, grids, strict=True)
        ]

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return patch features float32 `[B, H, W, C]` of preprocessed images float32 `[B, 3, h, w]`."""
        return self.start(batch, aside=False)()

    def start(self, batch: torch.Tensor, *, aside: bool) -> Callable[[], torch.Tensor]:
        """Start the forward pass, beside other work or not, and return what waits for its features."""
        apart = self._apart
        tiling = self.tiling
        if tiling is not None:
            most = min(self.batch_size, self._block) if apart else self.batch_size
            tiles = tiling.views(batch)
            some = [tiles[first : first + most] for first in range(0, len(tiles), most)]
            if not apart:
                return lambda: self._stitched(tiling, [self._of_tiles(block) for block in some])
            layers = start_blocks(self._of_tiles, some, self.device, aside=aside)
            return lambda: self._stitched(tiling, layers())
        blocks = torch.split(batch, self._block if apart else len(batch))
        done = start_blocks(self._forward, blocks, self.device, aside=aside and apart)
        return lambda: torch.cat(done())

    @torch.inference_mode()
    def _layers(self, block: torch.Tensor) -> list[torch.Tensor]:
        return self.backbone(block.to(self.device))

    def _of_tiles(self, tiles: list[torch.Tensor]) -> list[torch.Tensor]:
        return self._layers(torch.stack(tiles))

    @torch.inference_mode()
    def _forward(self, block: torch.Tensor) -> torch.Tensor:
        return self.aggregation(self._layers(block))

    @torch.inference_mode()
    def _stitched(self, tiling: Tiling, blocks: list[list[torch.Tensor]]) -> torch.Tensor:
        """Return patch features from the layers of all tiles, those of some tiles in each block."""
        layers = []
        for number in range(len(blocks[0])):
            layers.append(tiling.stitch(torch.cat([block[number] for block in blocks])))
            for block in blocks:
                # The tiles' maps take as much as those of the image, and are not needed any more.
                block[number] = torch.empty(0)
        return self.aggregation(layers)

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
            features=self.together([features[:done] for features in kinds]),
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
            waiting: deque[tuple[ImageRecord, Future[Decoded]]] = deque()
            running: deque[Batch] = deque()
            records = iter(images)
            at_once = self.images_at_once
            try:
                while True:
                    while len(running) <= self._batches_ahead:
                        for record in islice(records, 2 * at_once - len(waiting)):
                            waiting.append((record, pool.submit(self._prepare, record, measure)))
                        if not waiting:
                            break
                        taken = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
                        # One alone to be scored has all threads to itself. What is learnt from is always worked on
                        # alike, to the last bit, however many images there are.
                        aside = measure or bool(running or waiting)
                        running.append(Batch.started(self, taken, strict, aside=aside))
                    if not running:
                        return
                    done = running.popleft()
                    yield done.embeddings(images, measure)
                    stage.advance(done.taken)
            finally:
                for _, future in waiting:
                    future.cancel()

    def scored_ahead(self, images: int) -> int:
        """Return how many batches of so many images are best scored while one is used, each by one thread.

        A batch alone, or a large one, is scored by all threads: 0. Many small ones have a thread each, which saves them
        the waiting for one another.
        """
        return self._batches_ahead if self._one_thread_each and images > self.images_at_once else 0

    @property
    def _batches_ahead(self) -> int:
        """How many batches are worked on while one is used: as many as it takes to give every thread work."""
        if not self._apart:
            return 0
        return torch.get_num_threads() if self._one_thread_each else 1

    @property
    def _one_thread_each(self) -> bool:
        """Whether a batch is no more than one thread works on at a time."""
        return self.images_at_once * self._pieces <= self._block

    def _prepare(self, record: ImageRecord, measure: bool) -> "Decoded":
        pixels = decode(record)
        inputs = tuple(each.preprocessing(pixels) for each in (self, *self.others))
        return Decoded(inputs, pixels.shape[:2], measure_appearance(pixels) if measure else None)

    def together(self, kinds: list[torch.Tensor]) -> PatchFeatures:
        """Return features of the same images, one `[n, H, W, C]` of each extractor."""
        first, *others = (
            PatchFeatures(features, layer_channels=each.layer_channels)
            for each, features in zip((self, *self.others), kinds, strict=True)
        )
        return first.with_others(others) if others else first
