"""How large the images are that a detector looks at: settings, the images' own size, and tiles."""

from collections.abc import Mapping
from typing import Any, Literal

from patchsieve.errors import ConfigError
from patchsieve.features import check_tile
from patchsieve.images import ImageSet, usual_size
from patchsieve.images.preprocessing import Size

NATIVE: Literal["native"] = "native"

Pixels = int | Size
ImageSize = Pixels | Literal["native"]


def image_size(setting: ImageSize, images: ImageSet | None) -> Pixels:
    """Return the size that images are brought to.

    Args:
        setting: of a detector.
        images: to learn from; needed where the size is theirs.

    Raises:
        ConfigError: there are no images to take it from, or they have no common size.
        ImagesError: none of them can be read.
    """
    if setting != NATIVE:
        return setting
    if images is None:
        raise ConfigError("image_size is native, the size of the images: say which images, or give a size")
    return usual_size(images)


def check_tiles(setting: ImageSize, crop: Pixels | None, tile: Pixels | None, overlap: int) -> None:
    """Raise `ConfigError` where tiles of this size cannot be, or would change nothing."""
    if tile is None:
        return
    height, width = _size(tile)
    check_tile((height, width), overlap)
    frame = crop if crop is not None else setting
    if frame != NATIVE and _size(frame)[0] <= height and _size(frame)[1] <= width:
        rows, columns = _size(frame)
        raise ConfigError(
            f"the frame of {rows} x {columns} pixels fits into one tile of {height} x {width}: to look at images in "
            "their own size, give image_size=native and crop=none; else a smaller tile, or none"
        )


def with_own_size(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by name, in which whoever asks for tiles and for no size gets whole images in their own."""
    if settings.get("tile") is None or "image_size" in settings:
        return dict(settings)
    return {"image_size": NATIVE, "crop": None, **settings}


def _size(size: Pixels) -> Size:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
