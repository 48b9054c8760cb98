"""How an image looks to a person: figures that a lamp, a lens or a moved camera changes, whatever a model thinks."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from patchsieve.images.collection import Pixels

Appearance = npt.NDArray[np.float32]

# Figures of an image do not need its finest pixels; beyond this side it is averaged by a whole factor first.
_LONGEST_SIDE = 512
# Of red, green and blue in 8 bits, as in ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / np.float32(255)
# Of the longer side: where things are is seen without the fine grain, too.
_SMOOTH_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure of an image.

    Attributes:
        name: in files and tables.
        relative: whether a change is said in percent of what it was; else in points of its own scale.
        noticeable: a smaller change of the median does not matter to anybody: a share where `relative`, else on the
            figure's own scale.
        more: what an image with a higher value is, in words.
        less: what an image with a lower value is, in words.
    """

    name: str
    relative: bool
    noticeable: float
    more: str
    less: str


# All but brightness stay what they are when the light gets weaker, so that one change is not reported as five.
STATISTICS = (
    Statistic("brightness", True, 0.03, "brighter", "darker"),
    Statistic("contrast", True, 0.05, "richer in contrast", "poorer in contrast"),
    Statistic("sharpness", True, 0.10, "sharper or noisier", "less sharp"),
    Statistic("saturation", False, 0.02, "more colourful", "paler (less colour)"),
    Statistic("warmth", False, 0.01, "redder (warmer light)", "bluer (colder light)"),
    Statistic("tint", False, 0.01, "greener", "more purple (less green)"),
    Statistic("edges_x", False, 0.005, "further right", "further left"),
    Statistic("edges_y", False, 0.005, "further down", "further up"),
)


def measure_appearance(pixels: Pixels) -> Appearance:
    """Measure an image, uint8 RGB `[H, W, 3]`; return float32 `[8]` in the order of `STATISTICS`.

    - brightness: mean of the luma, 0 (black) to 1 (white);
    - contrast: standard deviation of the luma over its mean;
    - sharpness: variance of the Laplacian of the luma over the variance of the luma;
    - saturation: sum over the pixels of (largest - smallest channel) over the sum of the largest channels, 0 to 1;
    - warmth: (red - blue) / (red + blue) of the channels' means, -1 to 1;
    - tint: (2 green - red - blue) / (2 green + red + blue) of the channels' means, -1 to 1;
    - edges_x, edges_y: where the structure of the picture has its centre, 0 (left, top) to 1 (right, bottom): the mean
      position of the luma's edges, weighted by their squares, in a picture so smooth that focus and noise hardly
      matter. Along x only upright edges count and along y level ones: a level edge says nothing of left and right.

    Images longer than 1023 pixels are averaged by a whole factor first. What has no value, such as the contrast of a
    black image, is 0, the position of edges that are not there 0.5.
    """
    # Channel by channel: NumPy is slow along an axis of three.
    channels = [np.ascontiguousarray(channel) for channel in np.moveaxis(_reduced(pixels), 2, 0)]
    red, green, blue = (float(channel.mean()) / 255 for channel in channels)
    luma: npt.NDArray[np.float32] = _LUMA[0] * channels[0] + _LUMA[1] * channels[1] + _LUMA[2] * channels[2]
    brightness, variance = float(luma.mean()), float(luma.var())
    high, low = (reduce(extreme, channels) for extreme in (np.maximum, np.minimum))
    return np.array(
        [
            brightness,
            _ratio(variance**0.5, brightness),
            _ratio(_laplacian_variance(luma), variance),
            _ratio(float((high - low).sum(dtype=np.int64)), float(high.sum(dtype=np.int64))),
            _ratio(red - blue, red + blue),
            _ratio(2 * green - red - blue, 2 * green + red + blue),
            *_centre(luma),
        ],
        dtype=np.float32,
    )


def _reduced(pixels: Pixels) -> Pixels:
    factor = max(pixels.shape[:2]) // _LONGEST_SIDE
    return np.asarray(Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels


def _ratio(above: float, below: float) -> float:
    # Of a constant image, what is left of the variance is rounding.
    return above / below if below > 1e-9 else 0.0


def _laplacian_variance(luma: npt.NDArray[np.float32]) -> float:
    if min(luma.shape) < 3:
        return 0.0
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1]
    laplacian += luma[1:-1, :-2]
    laplacian += luma[1:-1, 2:]
    laplacian -= 4 * luma[1:-1, 1:-1]
    return float(laplacian.var())


def _centre(luma: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return (x, y) of the mean of the gradients' positions."""
    if min(luma.shape) < 2:
        return 0.5, 0.5
    grey = Image.fromarray((255 * luma).round().clip(0, 255).astype(np.uint8))
    smooth = grey.filter(ImageFilter.GaussianBlur(_SMOOTH_SHARE * max(luma.shape)))
    values = np.asarray(smooth, dtype=np.float32)
    return _mean_place(_squared_steps(values)), _mean_place(_squared_steps(values.T))


def _squared_steps(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return for each column but the last the sum of its squared steps to the next."""
    steps = np.diff(values, axis=1)
    np.square(steps, out=steps)
    # One grey level is rounding, and there is much of it where a picture is plain.
    steps *= steps > 1
    sums: npt.NDArray[np.float64] = steps.sum(axis=0).astype(np.float64)
    return sums


def _mean_place(edges: npt.NDArray[np.float64]) -> float:
    total = float(edges.sum())
    # A difference lies between two pixels.
    places = (np.arange(len(edges)) + 1) / (len(edges) + 1)
    return float(edges @ places) / total if total >= 1.0 else 0.5
