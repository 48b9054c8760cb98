"""What a person looks at: overlays, contact sheets, figures, the HTML report.

In come images uint8 RGB `[H, W, 3]`, anomaly maps float32 `[h, w]` with the box of the image that they
cover, scores `[N]` and a threshold; out come uint8 RGB `[H, W, 3]` pictures, SVG text, and one HTML file that
needs no other. All maps that are shown together share one `ColourScale`. Importing this room takes neither torch nor
SciPy nor matplotlib; `patchsieve.pictures.model_report`, about what a fitted detector learnt, needs them.
"""

from patchsieve.pictures.examples import worst_and_best
from patchsieve.pictures.overlay import (
    FOUND_COLOUR,
    ColourScale,
    colour_scale,
    heat_map,
    outline,
    overlay,
    place_map,
)
from patchsieve.pictures.report import NextStep, Report, render, write_report
from patchsieve.pictures.rows import ReportImage
from patchsieve.pictures.sheet import contact_sheet

__all__ = [
    "FOUND_COLOUR",
    "ColourScale",
    "NextStep",
    "Report",
    "ReportImage",
    "colour_scale",
    "contact_sheet",
    "heat_map",
    "outline",
    "overlay",
    "place_map",
    "render",
    "worst_and_best",
    "write_report",
]
