"""From decoded pixels to what a backbone takes: resized, cropped, normalised."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError
from patchsieve.images.collection import Pixels

if TYPE_CHECKING:
    import torch

Size = tuple[int, int]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Rows of an image that are resized at a time.
_STRIP_ROWS = 256


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Resize the whole image (antialiased bilinear), crop its centre, normalise it.

    A square image gets exactly the papers' treatment (resize 256, centre crop 224, ImageNet statistics). An
    image of another shape is brought to the same frame by changing its aspect, so that its ends stay in view;
    resizing by the shorter side, as the reference codes do, would crop them away unseen.

    Attributes:
        image_size: (height, width) after resizing.
        crop: (height, width) of the centre crop, None to use the whole resized image.
        mean: per RGB channel, on the scale 0 to 1.
        std: per RGB channel, on the scale 0 to 1.
    """

    image_size: Size = (256, 256)
    crop: Size | None = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if min(self.image_size) < 32:
            raise ConfigError(f"the image size {self.image_size} is too small: at least 32 pixels each way")
        if self.crop and min(self.crop) < 32:
            raise ConfigError(f"the crop {self.crop} is too small: at least 32 pixels each way, or none")
        if self.crop and any(c > s for c, s in zip(self.crop, self.image_size, strict=True)):
            raise ConfigError(
                f"the crop {self.crop} does not fit into the image size {self.image_size}: "
                "choose a smaller crop, or none to keep whole images"
            )

    @property
    def frame(self) -> Size:
        """(height, width) of what the backbone sees: the model frame."""
        return self.crop or self.image_size

    def __call__(self, pixels: Pixels) -> "torch.Tensor":
        """Return float32 `[3, h, w]` in the model frame from uint8 RGB `[H, W, 3]`."""
        import torch  # where the frame lies in an image is asked for without it, too

        # torch warns of memory that it may not write to; decoded files are writable, arrays of users may not be.
        own = pixels if pixels.flags.writeable else pixels.copy()
        image = torch.from_numpy(own).permute(2, 0, 1)[None]
        if image.shape[2:] != self.image_size:
            # Along the rows first, as in one step, so that of a large image only a strip at a time becomes floats.
            strips = torch.split(image, _STRIP_ROWS, dim=2)
            image = torch.cat(
                [_resized(strip.float(), (strip.shape[2], self.image_size[1])) for strip in strips], dim=2
            )
            image = _resized(image, self.image_size)
        top, left = self._offset()
        height, width = self.frame
        image = image[0, :, top : top + height, left : left + width] / 255.0
        return (image - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]

    def box(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return the part of an image of `height` x `width` that is in the model frame.

        Returns:
            (left, top, right, bottom) in the image's pixels, not rounded.
        """
        top, left = self._offset()
        down, across = height / self.image_size[0], width / self.image_size[1]
        return (
            left * across,
            top * down,
            (left + self.frame[1]) * across,
            (top + self.frame[0]) * down,
        )

    def mask(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Bring a ground-truth mask `[H, W]` into the model frame, bool `[h, w]`, by nearest neighbour.

        Each pixel of the frame takes the value of the mask at its centre, so no label is invented by blending.
        """
        left, top, right, bottom = self.box(*mask.shape)
        height, width = self.frame
        rows = ((np.arange(height) + 0.5) * (bottom - top) / height + top).astype(int)
        columns = ((np.arange(width) + 0.5) * (right - left) / width + left).astype(int)
        framed: npt.NDArray[np.bool_] = mask[np.ix_(rows, columns)]
        return framed

    def _offset(self) -> Size:
        return (
            (self.image_size[0] - self.frame[0]) // 2,
            (self.image_size[1] - self.frame[1]) // 2,
        )


def _resized(image: "torch.Tensor", size: Size) -> "torch.Tensor":
    from torch.nn.functional import interpolate

    return interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)
