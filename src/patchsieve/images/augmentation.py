"""Copies that differ from their original: noise, blur, rotation and the like, applied whenever the copy is decoded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin, tan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Kind = Literal["gaussian_noise", "noise_and_blur", "rotation", "affine", "repeat"]

NOISE_LEVELS = 0.05 * 255
"""Standard deviation of the noise, in 8-bit levels."""

BLUR_SHARE = 0.8 / 256
"""Standard deviation of the blur, as a share of the image's shorter side."""

# What depends on a copy's pixels (caches, above all) must not find those of other strengths: count up with them.
_SCHEME = 1
_STRIP_ROWS = 64


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a movement may go, either way; the movement is drawn evenly from this range.

    Attributes:
        degrees: of the rotation about the image's centre.
        shift: as a share of the width and of the height.
        scale: 0.1 is from 0.9 to 1.1 times the size.
        shear: of the horizontal lines against each other, in degrees.
    """

    degrees: float
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0


REACHES: dict[Kind, Reach] = {
    "rotation": Reach(10),
    "affine": Reach(10, shift=0.1, scale=0.1, shear=10),
    "repeat": Reach(3, scale=0.03),
}
"""The kinds that move an image, and with it its mask."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One change of an image; the same kind and seed always make the same of the same pixels.

    What a movement leaves bare at the border is filled by reflection, in the image as in its mask.

    Attributes:
        kind: what is done. "gaussian_noise" adds noise to every pixel and channel; "noise_and_blur" then blurs;
            "rotation" and "affine" move the image; "repeat" moves it a little, to make another of the same.
        seed: of what is drawn for it, 0 or more.

    References:
        Strengths: the SoftPatch authors' code adds noise of 0.05, blurs with 3 x 3 pixels, rotates by up to 10
        degrees, and as affine also shifts by 0.1, scales by 0.1 and shears by 10 degrees, each to an image of
        224 x 224. Noise and blur are of that size here after an image of about 1000 x 1000 is resized. Of
        repeats they say, for SoftPatch+, that they are turned by up to 3 degrees.
    """

    kind: Kind
    seed: int

    @classmethod
    def drawn(cls, kind: Kind, seed: int, content: str, repeat: int = 0) -> "Augmentation":
        """Draw the augmentation of one image: the same for the same content under any name.

        Args:
            kind: what is done.
            seed: of the whole set.
            content: hash of the image.
            repeat: tells several copies of one image apart.
        """
        digest = hashlib.sha256(f"{kind} {seed} {repeat} {content}".encode()).digest()
        # 48 bits: a whole number in every reader of JSON.
        return cls(kind, int.from_bytes(digest[:6], "big"))

    @property
    def key(self) -> str:
        """Text that is the same only for what changes pixels in the same way."""
        return f"{self.kind}:{self.seed}:{_SCHEME}"

    def on_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return changed pixels uint8 `[H, W, 3]`, as a new array of the same shape."""
        if self.kind in REACHES:
            return self._moved(pixels, order=1)
        noisy = _noisy(pixels, self._generator())
        return noisy if self.kind == "gaussian_noise" else _blurred(noisy)

    def on_mask(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return the mask bool `[H, W]` of the changed image: moved with it, by nearest neighbour."""
        if self.kind not in REACHES:
            return mask
        return self._moved(mask.view(np.uint8)[:, :, None], order=0)[:, :, 0].view(np.bool_)

    def movement(self, height: int, width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return for a kind of `REACHES` where each pixel of the changed image comes from.

        Returns:
            Float64 `[2, 2]` and `[2]`: the position (row, column) in the original is the product of the first with
            that in the changed image, plus the second.
        """
        reach = REACHES[self.kind]
        angle, x, y, scale, shear = self._generator().uniform(-1, 1, 5)
        turn, slant = radians(angle * reach.degrees), tan(radians(shear * reach.shear))
        rotation = np.array([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]])
        # In (row, column): a shear moves columns by rows.
        forwards = (1 + scale * reach.scale) * rotation @ np.array([[1.0, 0.0], [slant, 1.0]])
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        shift = np.array([y * height, x * width]) * reach.shift
        backwards = np.linalg.inv(forwards)
        return backwards, centre - backwards @ (centre + shift)

    def _generator(self) -> np.random.Generator:
        # Named, not default_rng: that may one day be another, and copies of older manifests with it.
        return np.random.Generator(np.random.PCG64(self.seed))

    def _moved(self, values: npt.NDArray[np.uint8], order: int) -> npt.NDArray[np.uint8]:
        from scipy.ndimage import affine_transform  # takes longer to load than all that reads images

        matrix, offset = self.movement(*values.shape[:2])
        moved = np.empty_like(values, order="C")
        for channel in range(values.shape[2]):
            # Whole arrays of floats are never made of a large image: it is read and written as 8 bits.
            affine_transform(
                values[..., channel],
                matrix,
                offset,
                output=moved[..., channel],
                order=order,
                mode="reflect",
            )
        return moved


def augmented(pixels: npt.NDArray[np.uint8], augmentations: Sequence[Augmentation]) -> npt.NDArray[np.uint8]:
    """Return pixels uint8 `[H, W, 3]` after one augmentation upon the other; the same array after none."""
    for augmentation in augmentations:
        pixels = augmentation.on_pixels(pixels)
    return pixels


def augmented_mask(
    mask: npt.NDArray[np.bool_], augmentations: Sequence[Augmentation]
) -> npt.NDArray[np.bool_]:
    """Return the mask bool `[H, W]` that belongs to `augmented` pixels."""
    for augmentation in augmentations:
        mask = augmentation.on_mask(mask)
    return mask


def _noisy(pixels: npt.NDArray[np.uint8], generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    noisy = np.empty_like(pixels, order="C")
    for first in range(0, len(pixels), _STRIP_ROWS):
        strip: npt.NDArray[Any] = pixels[first : first + _STRIP_ROWS]
        levels = strip + np.float32(NOISE_LEVELS) * generator.standard_normal(strip.shape, dtype=np.float32)
        noisy[first : first + _STRIP_ROWS] = np.rint(levels).clip(0, 255)
    return noisy


def _blurred(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    # Pillow blurs in whole numbers: the same on every machine.
    blur = ImageFilter.GaussianBlur(BLUR_SHARE * min(pixels.shape[:2]))
    return np.array(Image.fromarray(pixels).filter(blur))
