"""Small panels in rows, each row as high as it needs, and where each panel stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Panels of one width, row by row; all measures are inches.

    Attributes:
        count: number of panels.
        columns: panels in a row.
        width: of a panel.
        height: of a panel, or of the panels of each row.
        left: room before each panel.
        top: room above each panel.
        bottom: room below each panel.
        foot: room below them all.
    """

    count: int
    columns: int
    width: float
    height: float | tuple[float, ...]
    left: float = 0.45
    top: float = 0.3
    bottom: float = 0.4
    foot: float = 0.35

    @property
    def heights(self) -> tuple[float, ...]:
        """Height of the panels of each row."""
        if isinstance(self.height, tuple):
            return self.height
        return (self.height,) * -(-self.count // self.columns)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole."""
        across = min(self.count, self.columns) * (self.left + self.width) + 0.15
        # A single narrow panel must leave room for the words below it.
        return max(across, 5.5), sum(self.top + height + self.bottom for height in self.heights) + self.foot

    def axes(self, figure: Figure) -> Iterator[Axes]:
        """Add the panels to a figure of this size, one after the other."""
        wide, high = self.size
        below = high
        for row, height in enumerate(self.heights):
            below -= self.top + height
            for column in range(min(self.columns, self.count - row * self.columns)):
                left = column * (self.left + self.width) + self.left
                yield figure.add_axes((left / wide, below / high, self.width / wide, height / high))
            below -= self.bottom
