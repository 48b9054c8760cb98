"""The look of all figures: colours that everybody can tell apart, and SVG whose bytes depend on nothing else.

Colours are those of Okabe and Ito (2008), told apart with every kind of colour vision; hatching, markers and
line styles repeat what the colours say, for a grey print. Matplotlib is imported on first use: it takes long.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREY, INK = "#0072B2", "#D55E00", "#767676", "#222222"
# For many series: those of the eight that are seen on white paper, neighbours far apart in lightness.
SERIES_COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#222222", "#56B4E9", "#E69F00")

# No metadata means no date.
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def svg_text(figure: Figure) -> str:
    """Return a figure as one SVG element: text stays text, and equal figures are equal bytes."""
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    text = StringIO()
    # The salt fixes the ids.
    with rc_context({"svg.hashsalt": "patchsieve", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    # Without the XML prolog, whose DTD has an address, the text may also stand inside a page.
    return text.getvalue().partition("<svg")[2].join(("<svg", ""))
