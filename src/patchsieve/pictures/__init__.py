"""What a person looks at: overlays, contact sheets, figures, the HTML report.

In come images uint8 RGB `[H, W, 3]`, anomaly maps float32 `[h, w]` with the box of the image that they
cover, scores `[N]` and a threshold; out come uint8 RGB `[H, W, 3]` pictures, SVG text, and one HTML file that
needs no other. All maps that are shown together share one `ColourScale`.
"""

from patchsieve.pictures.examples import worst_and_best
from patchsieve.pictures.model_report import (
    colour_scale,
    configuration,
    model_report,
    model_warnings,
    suspect_cutouts,
)
from patchsieve.pictures.overlay import FOUND_COLOUR, ColourScale, heat_map, outline, overlay, place_map
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
    "configuration",
    "contact_sheet",
    "heat_map",
    "model_report",
    "model_warnings",
    "outline",
    "overlay",
    "place_map",
    "render",
    "suspect_cutouts",
    "worst_and_best",
    "write_report",
]
