"""An exported model at work: files in, `Result` out, without torch."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from patchsieve.decisions import OperatingPoints, Result, peaks_of
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images import ImageRecord, ImageSet, Pixels, Skipped, decode, read_images
from patchsieve.progress import SILENT, Progress, staged
from patchsieve.runtime.engines import AUTO, Engine, start_engine
from patchsieve.runtime.metadata import Metadata

# Images that are decoded while the graph runs.
_DECODING_THREADS = 2


@dataclass
class ExportedModel:
    """A model that `patchsieve export` wrote, loaded by `load_exported`.

    Attributes:
        metadata: what stands beside the graph.
        engine: what runs it.
        batch_size: the most images of one size that run at a time.
    """

    metadata: Metadata
    engine: Engine = field(repr=False)
    batch_size: int = 4

    @property
    def operating_points_(self) -> OperatingPoints:
        """The named thresholds."""
        return self.metadata.operating_points

    @property
    def threshold_(self) -> float:
        """That of the default operating point: an image with a higher score is called defective."""
        return self.metadata.operating_points[None].threshold

    @property
    def pixel_threshold_(self) -> float:
        """What is higher on an anomaly map is outlined as a region."""
        return self.metadata.pixel_threshold

    @property
    def colour_scale_(self) -> tuple[float, float]:
        """(low, high) of the colours of heat maps; see `patchsieve.pictures.ColourScale`."""
        return self.metadata.colour_scale

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
            images: a folder, files, arrays or an `ImageSet`; see `patchsieve.images.read_images`.
            operating_point: name of the one whose threshold counts; None for the default.
            review: share of the good images whose verdict is to be "review", or ``interval``.
            strict: raise at the first image that cannot be decoded instead of skipping it.
            progress: shown one unit an image.

        Raises:
            ImagesError: there are no images, or none could be decoded.
            ConfigError: there is no such operating point, or no such share was exported.
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
        threshold = self.operating_points_[operating_point].threshold
        band = None if review is None else self.metadata.band(operating_point, review)
        found = read_images(images)
        if not found:
            raise ImagesError(f"there are no images to score in {found.root}")
        with staged(progress, "scoring", len(found)) as stage:
            for taken in _decoded(found, self.batch_size):
                yield self._result(found, taken, strict, threshold, band)
                stage.advance(len(taken))

    def _result(
        self,
        images: ImageSet,
        taken: "Sequence[tuple[ImageRecord, Future[_Decoded]]]",
        strict: bool,
        threshold: float,
        review: tuple[float, float] | None,
    ) -> Result:
        ready: list[tuple[ImageRecord, _Decoded]] = []
        skipped = []
        for record, future in taken:
            try:
                ready.append((record, future.result()))
            except BrokenImageError as error:
                if strict:
                    raise
                skipped.append(Skipped(record.name, error.reason))
        scores, maps = (
            [np.empty(0, np.float32)],
            [np.empty((0, *self.metadata.preprocessing.frame), np.float32)],
        )
        seconds: list[float] = []
        # Images of one size, one behind the other, go through the graph together.
        for _, group in groupby((decoded for _, decoded in ready), key=lambda decoded: decoded.pixels.shape):
            alike = list(group)
            started = perf_counter()
            found = self.engine.run(np.stack([decoded.pixels for decoded in alike]))
            share = (perf_counter() - started) / len(alike)
            scores.append(found[0])
            maps.append(found[1])
            seconds += [decoded.seconds + share for decoded in alike]
        sizes = np.array([decoded.pixels.shape[:2] for _, decoded in ready], dtype=np.int64).reshape(-1, 2)
        boxes = np.array([self.metadata.preprocessing.box(*size) for size in sizes.tolist()]).reshape(-1, 4)
        together = np.concatenate(maps)
        return Result(
            images=images.with_records([record for record, _ in ready]),
            scores=np.concatenate(scores),
            maps=together,
            boxes=boxes,
            sizes=sizes,
            peaks=peaks_of(together, boxes, sizes),
            seconds=np.array(seconds),
            threshold=threshold,
            pixel_threshold=self.pixel_threshold_,
            skipped=tuple(skipped),
            review=review,
        )


@dataclass(frozen=True, slots=True)
class _Decoded:
    pixels: Pixels
    seconds: float


def _decoded(images: ImageSet, size: int) -> "Iterator[list[tuple[ImageRecord, Future[_Decoded]]]]":
    """Yield the images in batches, the next batch being decoded meanwhile."""
    with ThreadPoolExecutor(_DECODING_THREADS) as pool:
        records = iter(images)
        waiting: deque[tuple[ImageRecord, Future[_Decoded]]] = deque()
        try:
            while True:
                for record in islice(records, 2 * size - len(waiting)):
                    waiting.append((record, pool.submit(_timed, record)))
                if not waiting:
                    return
                yield [waiting.popleft() for _ in range(min(size, len(waiting)))]
        finally:
            for _, future in waiting:
                future.cancel()


def _timed(record: ImageRecord) -> _Decoded:
    started = perf_counter()
    pixels = decode(record)
    return _Decoded(pixels, perf_counter() - started)


def load_exported(
    folder: Path | str, *, engine: str = AUTO, device: str = AUTO, threads: int | None = None
) -> ExportedModel:
    """Load an exported model.

    Args:
        folder: that `patchsieve export` wrote.
        engine: ``onnxruntime``, ``openvino``, or ``auto`` for what is installed.
        device: ``auto`` and ``cpu`` for the processor, ``cuda`` for a GPU through ONNX Runtime.
        threads: that the engine may use; None for as many as it likes.

    Raises:
        ModelFileError: the folder is no whole exported model.
        MissingPackageError: the engine is not installed.
        ConfigError: there is no such engine or device.
    """
    folder = Path(folder)
    metadata = Metadata.read(folder)
    graph = metadata.require_whole(folder)
    return ExportedModel(metadata, start_engine(graph, engine, device=device, threads=threads))
