"""Large images in tiles: cut out with an overlap, run alone, their feature maps put together without seams.

A network that is run on a whole image of 12 megapixels needs gigabytes between its layers, and one that is run on the
image made small no longer sees what is small. In tiles, of which a few are in work at a time, the memory is bounded
and every pixel is seen. What detectors get is one grid of patches for the whole image, as without tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import torch
from torch.nn import functional

from patchsieve.errors import ConfigError
from patchsieve.images.preprocessing import Size

SMALLEST_TILE = 32


@dataclass(frozen=True, slots=True)
class Tiling:
    """Where the tiles of a frame lie, and how their feature maps become those of the frame.

    Tiles start at multiples of the strides of all layers, so that a cell of a layer's map is the same piece of the
    image in every tile that holds it. Near the edge of a tile the network lacks the surroundings, and its features
    there are not those of the whole image: where tiles overlap, each counts in proportion to the distance from its
    own edge, so that the weights of one tile fade out as those of the next fade in. At the edge of the frame a tile
    counts fully up to the end.

    Cutting and stitching are fixed slices and two products with small constant matrices: both can be exported.

    Attributes:
        frame: (height, width) of the image that is tiled, in pixels.
        tile: (height, width) of a tile.
        rows: first row of each row of tiles.
        columns: first column of each column of tiles.
    """

    frame: Size
    tile: Size
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @classmethod
    def of(
        cls, frame: Size, tile: Size, overlap: int, strides: Sequence[Size], *, fixed: bool = False
    ) -> "Tiling":
        """Lay tiles over a frame: as few as cover it, evenly spread.

        Args:
            frame: (height, width), in pixels.
            tile: (height, width), multiples of all strides.
            overlap: what neighbours have in common at least, in pixels.
            strides: (down, across) of each layer, in pixels a cell.
            fixed: whether tiles cannot be smaller than `tile`; else they are where the frame is.

        Raises:
            ConfigError: nothing is left of a tile beside its overlap.
        """
        steps = lcm(*(down for down, _ in strides)), lcm(*(across for _, across in strides))
        sides = tuple(
            whole if fixed else min(whole, _up(length, step))
            for whole, length, step in zip(tile, frame, steps, strict=True)
        )
        rows, columns = (
            _starts(length, side, overlap, step)
            for length, side, step in zip(frame, sides, steps, strict=True)
        )
        return cls(frame, (sides[0], sides[1]), rows, columns)

    def __len__(self) -> int:
        """Return how many tiles an image has."""
        return len(self.rows) * len(self.columns)

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Return the tiles of images `[B, C, h, w]`, those of one image after the other: `[B T, C, th, tw]`.

        What tiles have beyond the frame repeats its last row and column.
        """
        return torch.stack(self.views(images))

    def views(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the B T tiles `[C, th, tw]` that `cut` copies, as views: of a large image a copy is large."""
        height, width = self.tile
        below, right = self.rows[-1] + height - self.frame[0], self.columns[-1] + width - self.frame[1]
        if below > 0 or right > 0:
            images = functional.pad(images, (0, max(0, right), 0, max(0, below)), mode="replicate")
        return [
            image[:, row : row + height, column : column + width]
            for image in images
            for row in self.rows
            for column in self.columns
        ]

    def stitch(self, maps: torch.Tensor) -> torch.Tensor:
        """Return one layer of images, `[B, C, H, W]`, from that of their tiles, `[B T, C, y, x]`."""
        _, channels, height, width = maps.shape
        down, across = (matrix.to(maps) for matrix in self.matrices((height, width)))
        laid = maps.view(-1, len(self.rows), len(self.columns), channels, height, width)
        laid = laid.permute(0, 3, 1, 4, 2, 5).reshape(
            -1, channels, len(self.rows) * height, len(self.columns) * width
        )
        return down @ (laid @ across.T)

    def matrices(self, cells: Size) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what stitches a layer of which a tile has (y, x) `cells`: its map is D L A'.

        Returns:
            D float32 `[H, T y]` and A float32 `[W, U x]`, where L `[T y, U x]` has the maps of T x U tiles laid out.
        """
        return (
            _weights(self.frame[0], self.tile[0], self.rows, cells[0]),
            _weights(self.frame[1], self.tile[1], self.columns, cells[1]),
        )

    def grid(self, tile: Size, cells: Size) -> Size:
        """Return (H, W) of a layer's stitched map, of which a tile of `tile` pixels has (y, x) `cells`."""
        ((down, across),) = layer_strides(tile, [cells])
        return -(-self.frame[0] // down), -(-self.frame[1] // across)


def layer_strides(tile: Size, layers: Sequence[Size]) -> list[Size]:
    """Return (down, across) of each layer in pixels a cell, from the (y, x) cells that it makes of a tile.

    Raises:
        ConfigError: the tile is not a multiple of them.
    """
    strides = []
    for cells in layers:
        stride = tile[0] // cells[0], tile[1] // cells[1]
        if (stride[0] * cells[0], stride[1] * cells[1]) != tile:
            raise ConfigError(_no_multiple(tile, layers))
        strides.append(stride)
    return strides


def check_tile(tile: Size, overlap: int) -> None:
    """Raise `ConfigError` where no frame could be tiled so."""
    if min(tile) < SMALLEST_TILE:
        raise ConfigError(
            f"tile is {tile[0]} x {tile[1]} pixels: at least {SMALLEST_TILE} each way, and 512 where the memory "
            "allows it: the more a network sees of the surroundings, the better"
        )
    if not 0 <= overlap < min(tile):
        raise ConfigError(
            f"tile_overlap is {overlap}: it must be at least 0 and less than the tile, which is {tile[0]} x {tile[1]} "
            "pixels; 64 hides the seams of most backbones"
        )


def _up(length: int, step: int) -> int:
    return -(-length // step) * step


def _starts(length: int, side: int, overlap: int, step: int) -> tuple[int, ...]:
    """Return where tiles of `side` pixels start so that they cover `length` pixels, multiples of `step`."""
    if length <= side:
        return (0,)
    last = _up(length - side, step)
    advance = (side - overlap) // step * step
    if advance < step:
        raise ConfigError(
            f"tile_overlap is {overlap}: tiles of {side} pixels that start every {step} pixels, as this backbone's "
            f"layers need it, overlap by at most {side - step}; choose a smaller overlap or a larger tile"
        )
    count = -(-last // advance)
    return tuple(number * last // (count * step) * step for number in range(count + 1))


def _weights(length: int, side: int, starts: Sequence[int], cells: int) -> torch.Tensor:
    """Return float32 `[H, T y]`: how much each of the y cells of each tile counts in each cell of the frame."""
    stride = side // cells
    frame_cells = -(-length // stride)
    weights = torch.zeros(frame_cells, len(starts), cells)
    centres = torch.arange(cells) + 0.5
    for number, start in enumerate(starts):
        before = centres if number else torch.full_like(centres, torch.inf)
        behind = cells - centres if number + 1 < len(starts) else torch.full_like(centres, torch.inf)
        distance = torch.minimum(before, behind).clamp(max=cells)
        first = start // stride
        kept = min(cells, frame_cells - first)
        places = torch.arange(kept)
        weights[first + places, number, places] = distance[:kept]
    return (weights / weights.sum(dim=(1, 2), keepdim=True)).flatten(1)


def _no_multiple(tile: Size, layers: Sequence[Size]) -> str:
    steps = [lcm(*(_likely_stride(tile[axis], cells[axis]) for cells in layers)) for axis in (0, 1)]
    larger = [_up(side, step) for side, step in zip(tile, steps, strict=True)]
    grids = ", ".join(f"{y} x {x}" for y, x in layers)
    return (
        f"a tile of {tile[0]} x {tile[1]} pixels is no whole number of cells in this backbone's layers, which make "
        f"{grids} of it: give a multiple of their stride, such as tile={larger[0]}"
        + ("" if larger[0] == larger[1] else f"x{larger[1]}")
    )


def _likely_stride(length: int, cells: int) -> int:
    """Return the stride that makes so many cells of a length: convolutions halve it and round up."""
    halved = (2**exponent for exponent in range(length.bit_length()))
    return next((stride for stride in halved if -(-length // stride) == cells), length // cells)
