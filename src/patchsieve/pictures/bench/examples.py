"""Pictures of one fitted model of a bench: its bank, its features, what it found, and the noise it learnt from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from patchsieve.decisions import Result
from patchsieve.detectors import Detector
from patchsieve.errors import BrokenImageError
from patchsieve.features import Embeddings
from patchsieve.images import ImageRecord, Mask, Pixels, decode, decode_mask
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas, clean
from patchsieve.pictures.bench.labels import short_names
from patchsieve.pictures.bench.mosaic import Mosaic
from patchsieve.pictures.bench.projections import Method, bank_projection, split_projection
from patchsieve.pictures.model_report import report_images
from patchsieve.pictures.overlay import (
    FOUND_COLOUR,
    ColourScale,
    colour_scale,
    heat_map,
    outline,
    overlay,
    place_map,
)
from patchsieve.pictures.rows import ReportImage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TOP = 6
_GALLERY = 24
_SIDE = 256
# Inches.
_CELL = 1.8
_MASK_COLOUR = (213, 94, 0)

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]


def examples(
    model: Detector,
    training: Embeddings,
    noisy: Collection[str],
    result: Result,
    test: Embeddings | None = None,
    *,
    title: str,
    name: str,
    methods: Sequence[Method] = ("pca", "tsne"),
    seed: int = 0,
) -> tuple[BenchFigure, ...]:
    """Draw all that can be drawn of one cell; what its data does not allow is left out.

    Args:
        model: fitted on `training`.
        training: its training images.
        noisy: names of those that are defective.
        result: of its test images; their labels and masks are those of their records.
        test: features of the test images, for the picture of training against test.
        title: of the cell, in words.
        name: of the cell, for names of files.
        methods: how the memory bank is laid into the plane.
        seed: of draws and projections.

    Raises:
        ConfigError: a method is unknown or not installed.
    """
    figures = [
        *bank_figures(model, training, noisy, title=title, name=name, methods=methods, seed=seed),
        split_figure(training, test, noisy, title=title, name=name, seed=seed) if test is not None else None,
        top_figure(result, colour_scale(model), title=title, name=name),
        noise_gallery([r for r in training.images if r.name in set(noisy)], title=title, name=name),
    ]
    return tuple(figure for figure in figures if figure is not None)


def bank_figures(
    model: Detector,
    training: Embeddings,
    noisy: Collection[str],
    *,
    title: str,
    name: str,
    methods: Sequence[Method],
    seed: int,
) -> Iterator[BenchFigure]:
    """Yield a projection of the memory bank for each method; none for a model without a bank."""
    bank = getattr(model, "bank_", None)
    images, height, width, channels = training.features.shape
    if bank is None or bank.features.shape[1] != channels or images * height * width < 3:
        return
    places = bank.origins.numpy().astype(np.int64)
    kept = np.zeros((images, height, width), bool)
    kept[tuple(places[(places[:, 0] >= 0) & (places[:, 0] < images)].T)] = True
    noise_images = np.isin(training.images.names, list(noisy))
    per_image = height * width

    def read(patches: Indices) -> Floats:
        return np.asarray(training.features.patches(torch.from_numpy(patches)).cpu().numpy())

    for method in methods:
        yield bank_projection(
            read,
            np.repeat(noise_images, per_image),
            kept.ravel(),
            title=title,
            name=f"bank-{name}",
            method=method,
            seed=seed,
        )


def split_figure(
    training: Embeddings, test: Embeddings, noisy: Collection[str], *, title: str, name: str, seed: int
) -> BenchFigure | None:
    """Draw the mean features of training and test images; None where there are fewer than three."""
    if len(training) + len(test) < 3:
        return None
    points = np.concatenate([_means(training), _means(test)])
    is_test = np.repeat([False, True], [len(training), len(test)])
    labels = [record.defective is True for record in test.images]
    defective = np.concatenate([np.isin(training.images.names, list(noisy)), np.array(labels, bool)])
    return split_projection(points, is_test, defective, title=title, name=f"split-{name}", seed=seed)


def top_figure(
    result: Result, scale: ColourScale, *, title: str, name: str, top: int = _TOP
) -> BenchFigure | None:
    """Draw the images with the highest scores: input, anomaly map, mask and overlay on one colour scale.

    Images whose files are gone are left out; None where no image is left.
    """
    ranked = result.ranked()[:top].tolist()
    images = report_images(result, ranked)
    if not images:
        return None
    short = short_names([image.name for image in images], 44)
    heights = tuple(_height([image.pixels]) for image in images)
    mosaic = Mosaic(4 * len(images), 4, _CELL, heights, left=0.12, top=0.24, bottom=0.3, foot=0.0)
    with canvas(*mosaic.size) as figure:
        panels = mosaic.axes(figure)
        for rank, image in enumerate(images, 1):
            for column, (word, pixels) in enumerate(_views(image, scale, result.threshold)):
                axes = next(panels)
                _show(axes, pixels, word)
                if not column:
                    verdict = f"{_verdict(image, result.threshold)} (score {image.score:#.4g})"
                    axes.set_title(f"{rank}. {short[image.name]}: {verdict}", loc="left", fontsize=9)
        return BenchFigure.drawn(
            figure,
            name=f"top-{name}",
            title=f"The {len(images)} highest scores: {title}",
            caption="All maps are on one colour scale: dark is what normal surface scores in training, the threshold "
            f"of {result.threshold:.4g} is in its middle. On the overlay a light blue line surrounds what lies above "
            "the threshold. Grey is what the model does not see. The mask is the truth, where it is known. A map is "
            "smoothed and a score is not: a spot of a patch or two can be above the threshold by its score and below "
            "it on the map.",
            alt=f"The images with the highest scores, {title}: "
            + "; ".join(f"{i.name}, score {i.score:.4g}, {_verdict(i, result.threshold)}" for i in images)
            + ".",
            table=Table(
                ("rank", "image", "score", "threshold", "defective", "defect"),
                tuple(
                    (rank, i.name, i.score, result.threshold, _label(i.defective), i.defect)
                    for rank, i in enumerate(images, 1)
                ),
            ),
        )


def noise_gallery(records: Iterable[ImageRecord], *, title: str, name: str) -> BenchFigure | None:
    """Draw the defective images that were put among the training images, with their masks outlined.

    Images whose files are gone are left out, and no more than 24 are drawn; None where no image is left.
    """
    all_of_them = list(records)
    shown = [(record, pixels) for record in all_of_them if (pixels := _outlined(record)) is not None][
        :_GALLERY
    ]
    if not shown:
        return None
    short = short_names([record.name for record, _ in shown], 29)
    heights = tuple(
        _height([pixels for _, pixels in shown[first : first + 4]]) for first in range(0, len(shown), 4)
    )
    mosaic = Mosaic(len(shown), 4, _CELL, heights, left=0.12, top=0.08, bottom=0.3, foot=0.0)
    with canvas(*mosaic.size) as figure:
        for axes, (record, pixels) in zip(mosaic.axes(figure), shown, strict=True):
            _show(axes, pixels, short[record.name])
        part = f"The first {len(shown)} of" if len(shown) < len(all_of_them) else "All"
        return BenchFigure.drawn(
            figure,
            name=f"noise-images-{name}",
            title=f"The noise: defective images that were learnt from, {title}",
            caption=f"{part} {len(all_of_them)} defective images among the training images. The line surrounds the "
            "defect where a mask says where it is.",
            alt=f"Defective images among the training images, {title}: "
            + ", ".join(record.name for record, _ in shown)
            + ".",
            table=Table(
                ("image", "defect", "mask"),
                tuple((r.name, r.defect, "yes" if r.mask is not None else "no") for r in all_of_them),
            ),
        )


def _means(embeddings: Embeddings) -> Floats:
    return np.concatenate([batch.mean((1, 2)).cpu().numpy() for batch in embeddings.features.batches(16)])


def _views(image: ReportImage, scale: ColourScale, threshold: float) -> Iterator[tuple[str, Pixels]]:
    height, width = image.pixels.shape[:2]
    placed = place_map(image.anomaly_map, image.box, height, width)
    yield "input", image.pixels
    yield "anomaly map", heat_map(placed, scale)
    if image.mask is None:
        yield (
            "mask: not known" if image.defective is not False else "mask: none, good",
            np.full_like(image.pixels, 225),
        )
    else:
        yield "mask (truth)", np.repeat(image.mask[..., None] * np.uint8(255), 3, axis=2)
    coloured = overlay(image.pixels, image.anomaly_map, scale, image.box)
    yield "overlay", outline(coloured, placed > threshold, FOUND_COLOUR, 1)


def _outlined(record: ImageRecord) -> Pixels | None:
    try:
        pixels = decode(record)
    except BrokenImageError:
        return None
    mask: Mask | None = None
    if record.mask is not None:
        with suppress(BrokenImageError):
            mask = decode_mask(record.mask)
    if mask is not None and mask.shape != pixels.shape[:2]:
        mask = None
    height, width = pixels.shape[:2]
    blank = np.zeros((1, 1), np.float32)
    image = ReportImage(record.name, pixels, blank, (0, 0, width, height), 0.0, mask).thumbnail(_SIDE)
    return image.pixels if image.mask is None else outline(image.pixels, image.mask, _MASK_COLOUR)


def _height(pictures: Sequence[Pixels]) -> float:
    """Return how high a row must be for pictures fitted into squares: a row of flat ones is flat."""
    return max(_CELL * min(1.0, float(pixels.shape[0] / pixels.shape[1])) for pixels in pictures)


def _show(axes: Axes, pixels: Pixels, words: str) -> None:
    axes.imshow(pixels, interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.set_anchor("NW")
    # Not the spines alone: the look of all figures sets some of them.
    axes.set_frame_on(False)
    axes.set_xlabel(clean(words), fontsize=8, loc="left")


def _verdict(image: ReportImage, threshold: float) -> str:
    above = image.score > threshold
    if image.defective is None:
        return "above the threshold" if above else "below the threshold"
    if image.defective:
        return "defective, found" if above else "defective, missed"
    return "good, false alarm" if above else "good, passed"


def _label(defective: bool | None) -> str | None:
    return None if defective is None else "yes" if defective else "no"
