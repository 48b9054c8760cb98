"""One image of a report as the pictures that stand side by side: input, anomaly map, mask, overlay."""

from base64 import b64encode
from dataclasses import dataclass, replace
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from patchsieve.images.collection import Pixels
from patchsieve.pictures.cutout import Cutout
from patchsieve.pictures.overlay import (
    FOUND_COLOUR,
    Box,
    ColourScale,
    FloatMap,
    Mask,
    heat_map,
    outline,
    overlay,
    place_map,
)

THUMBNAIL_SIDE = 320
# A peak this close to a marked defect, as a share of the longer side, counts as on it: masks are drawn by hand.
_NEAR = 0.05


@dataclass(frozen=True, slots=True)
class ReportImage:
    """One image, what the model says about it, and the truth where somebody knows it.

    Attributes:
        name: as in tables and model files.
        pixels: uint8 RGB `[H, W, 3]`, the whole image in any resolution.
        anomaly_map: float32 `[h, w]` in the model frame.
        box: (left, top, right, bottom), the part of `pixels` that the map covers, not rounded.
        score: image anomaly score.
        mask: ground truth bool `[H, W]`, True where defective, or None.
        defective: the label, or None where nobody has said.
        defect: name of the defect class, or None.
        evidence: parts cut out of this and other images, each with a caption, to compare.
    """

    name: str
    pixels: Pixels
    anomaly_map: FloatMap
    box: Box
    score: float
    mask: Mask | None = None
    defective: bool | None = None
    defect: str | None = None
    evidence: tuple[Cutout, ...] = ()

    def thumbnail(self, side: int = THUMBNAIL_SIDE) -> "ReportImage":
        """Return the same with pixels and mask no larger than `side` each way; reports embed this.

        Making it early saves memory where many large images are collected for one report.
        """
        height, width = self.pixels.shape[:2]
        ratio = min(1.0, side / max(height, width))
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        across, down = size[0] / width, size[1] / height
        left, top, right, bottom = self.box
        picture = Image.fromarray(self.pixels).resize(size, Image.Resampling.LANCZOS)
        mask = self.mask
        if mask is not None:
            # Any part of a defective pixel counts: a thin crack must not vanish from its small picture.
            shares = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
            mask = np.asarray(shares) > 0
        box = (left * across, top * down, right * across, bottom * down)
        return replace(self, pixels=np.asarray(picture), mask=mask, box=box)


class Picture(NamedTuple):
    """One picture as it is embedded in a page."""

    caption: str
    alt: str
    uri: str


class Outcome(NamedTuple):
    """What came out for one image; `kind` is a CSS class, "alarm" or "calm"."""

    text: str
    kind: str


class Row(NamedTuple):
    """One image as a page shows it."""

    name: str
    score: str
    outcome: Outcome
    pictures: tuple[Picture, ...]
    evidence: tuple[Picture, ...] = ()


def report_row(
    image: ReportImage, scale: ColourScale, threshold: float, pixel_threshold: float, outcome: Outcome
) -> Row:
    """Return the pictures and words for one image, all on the given scale.

    Args:
        image: what is shown.
        scale: of all maps that are shown together.
        threshold: of the image scores.
        pixel_threshold: what is higher on the map is outlined, where the score is above `threshold`.
        outcome: what came out.
    """
    share = None if image.mask is None else 100 * float(image.mask.mean())
    image = image.thumbnail()
    placed = place_map(image.anomaly_map, image.box, *image.pixels.shape[:2])
    found = (placed > pixel_threshold) & (image.score > threshold)
    marked = outline(overlay(image.pixels, image.anomaly_map, scale, image.box), found, FOUND_COLOUR, 1)
    peak = "is above" if np.any(placed > pixel_threshold) else "stays below"
    pictures = [
        Picture("input", f"input image {image.name}", photo_uri(image.pixels)),
        Picture(
            "anomaly map",
            f"anomaly map of {image.name}; it {peak} the pixel threshold",
            photo_uri(heat_map(placed, scale)),
        ),
    ]
    if image.mask is not None:
        alt = f"mask of {image.name}: {share:.2g} % of the image is marked as defective"
        pictures.append(Picture("mask (truth)", alt, mask_uri(image.mask)))
    pictures.append(Picture("overlay", f"{image.name} coloured by its anomaly map", photo_uri(marked)))
    evidence = tuple(
        Picture(cutout.caption, f"{image.name}: {cutout.caption}", photo_uri(_small(cutout.pixels)))
        for cutout in image.evidence
    )
    return Row(image.name, _score(image.score, threshold), outcome, tuple(pictures), evidence)


def _small(pixels: Pixels) -> Pixels:
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return np.asarray(picture)


def photo_uri(pixels: Pixels) -> str:
    """Return uint8 RGB pixels as a WebP data URI."""
    return _uri(Image.fromarray(pixels), "webp", quality=82, method=4)


def mask_uri(mask: Mask) -> str:
    """Return a bool mask as a PNG data URI, white where True."""
    return _uri(Image.fromarray(mask), "png", optimize=True)


def svg_uri(svg: str) -> str:
    """Return SVG text as a data URI: as an image of its own its ids cannot clash with another figure's."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    data = BytesIO()
    picture.save(data, kind, **options)
    return f"data:image/{kind};base64,{b64encode(data.getvalue()).decode()}"


def _score(score: float, threshold: float) -> str:
    times = f", {score / threshold:.2f} times the threshold" if threshold > 0 else ""
    return f"score {score:.4g}{times}"


def suspect_outcome(image: ReportImage, threshold: float) -> Outcome:
    """Say where a training image stands; its label is only reported, because nobody has cleaned it."""
    above = image.score > threshold
    label = "" if image.defective is None else f", labelled {_truth(image)}"
    return Outcome(f"{'above' if above else 'below'} the threshold{label}", "alarm" if above else "calm")


def judged_outcome(image: ReportImage, threshold: float) -> Outcome:
    """Say whether the verdict on a test image agrees with its label, where it has one."""
    above = image.score > threshold
    if image.defective is None:
        return suspect_outcome(image, threshold)
    if above == image.defective:
        place = (
            ", but the peak of the map is not on the marked defect" if above and _off_target(image) else ""
        )
        return Outcome(f"right: {'found' if above else 'passed'}{place} ({_truth(image)})", "calm")
    place = ", all of it outside the part that the model sees" if not above and _out_of_sight(image) else ""
    return Outcome(f"wrong: {'false alarm' if above else 'missed'}{place} ({_truth(image)})", "alarm")


def _off_target(image: ReportImage) -> bool:
    small = image.thumbnail()
    if small.mask is None or not small.mask.any():
        return False
    height, width = small.mask.shape
    peak = np.unravel_index(
        np.nanargmax(place_map(small.anomaly_map, small.box, height, width)), small.mask.shape
    )
    distances = np.hypot(*(np.argwhere(small.mask) - peak).T)
    return bool(distances.min() > _NEAR * max(height, width))


def _out_of_sight(image: ReportImage) -> bool:
    if image.mask is None:
        return False
    left, top, right, bottom = (round(edge) for edge in image.box)
    return bool(image.mask.any() and not image.mask[top:bottom, left:right].any())


def _truth(image: ReportImage) -> str:
    if not image.defective:
        return "good"
    return f"defective: {image.defect}" if image.defect else "defective"
