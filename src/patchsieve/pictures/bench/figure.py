"""What a figure and a table of a bench are: a picture, the numbers in it, and the words for who cannot see it."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

from patchsieve.pictures.style import svg_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = str | int | float | None

_PNG_DPI = 160
# Tried in this order where the machine has them: the font that matplotlib brings holds no Chinese, Japanese, Korean.
_FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "Arial Unicode MS",
)


@dataclass(frozen=True)
class Table:
    """Numbers as rows.

    Attributes:
        header: name of each column.
        rows: as many values each as there are columns; None where the data defines none.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def csv(self) -> str:
        """Return the table as CSV with all digits, Unix line ends, and an empty cell for None."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows([["" if value is None else value for value in row] for row in self.rows])
        return text.getvalue()


@dataclass(frozen=True)
class BenchTable:
    """A table that the report shows.

    Attributes:
        name: of its file, without ending.
        title: its heading.
        caption: what to see in it.
        shown: as a person reads it: rounded, with spreads.
        table: the same numbers with all digits, for its CSV.
    """

    name: str
    title: str
    caption: str
    shown: Table
    table: Table


@dataclass(frozen=True)
class BenchFigure:
    """A picture that the report shows.

    Attributes:
        name: of its files, without ending.
        title: its heading.
        caption: what to see in it.
        alt: what it shows, in words and numbers.
        svg: one SVG element.
        png: the same as pixels.
        table: its numbers.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes
    table: Table

    @classmethod
    def drawn(
        cls, figure: Figure, *, name: str, title: str, caption: str, alt: str, table: Table
    ) -> BenchFigure:
        """Make the value from a figure that `canvas` gave; to be called inside its `with`."""
        pixels = BytesIO()
        svg = svg_text(figure)
        figure.savefig(pixels, format="png", dpi=_PNG_DPI, metadata={"Software": None})
        return cls(clean_name(name), title, caption, alt, svg, pixels.getvalue(), table)


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of this size in inches; text in it is plain, a dollar sign begins no formula."""
    from matplotlib import font_manager, rc_context
    from matplotlib.figure import Figure

    installed = set(font_manager.get_font_names())
    family = ["DejaVu Sans", *(font for font in _FALLBACK_FONTS if font in installed), "sans-serif"]
    with (
        warnings.catch_warnings(),
        rc_context(
            {"text.parse_math": False, "font.family": family, "font.size": 9.0, "hatch.linewidth": 0.6}
        ),
    ):
        # Pixels show a box for what no font here holds; in the SVG it stays text, and the reader's fonts do.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield Figure(figsize=(width, height))


def clean(text: str) -> str:
    """Return a name on one line, with what no XML may hold (control characters, lone surrogates) as a mark."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def clean_name(text: str) -> str:
    """Return a name for a file that every system takes: letters, digits, dots, dashes and underscores."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in clean(text)).strip(
        "-."
    )
