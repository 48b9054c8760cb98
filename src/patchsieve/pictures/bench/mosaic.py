"""Small panels in rows, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Panels of one size, row by row; all measures are inches.

    Attributes:
        count: number of panels.
        columns: panels in a row.
        width: of a panel.
        height: of a panel.
        left: room before each panel.
        top: room above each panel.
        bottom: room below each panel.
        foot: room below them all.
    """

    count: int
    columns: int
    width: float
    height: float
    left: float = 0.45
    top: float = 0.3
    bottom: float = 0.4
    foot: float = 0.35

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole."""
        rows = -(-self.count // self.columns)
        across = min(self.count, self.columns) * (self.left + self.width) + 0.15
        # A single narrow panel must leave room for the words below it.
        return max(across, 5.5), rows * (self.top + self.height + self.bottom) + self.foot

    def axes(self, figure: Figure) -> Iterator[Axes]:
        """Add the panels to a figure of this size, one after the other."""
        wide, high = self.size
        for index in range(self.count):
            down, across = divmod(index, self.columns)
            left = across * (self.left + self.width) + self.left
            top = down * (self.top + self.height + self.bottom) + self.top
            box = (left / wide, 1 - (top + self.height) / high, self.width / wide, self.height / high)
            yield figure.add_axes(box)
