"""Decisions: from scores to thresholds and what they cost, from maps to regions.

In: anomaly scores float `[N]` of images that the scoring model has not seen, with labels (0 good, 1 defective `[N]`)
or without. Out: thresholds on the same scale, as named operating points with their evidence; an image above a
threshold is called defective. In: an anomaly map float32 `[h, w]` and a threshold on its scale. Out: the `Region`s
above it, in pixels of the image. A `Result` holds all of that for N images.
"""

from patchsieve.decisions.costs import Costs
from patchsieve.decisions.false_alarms import (
    FalseAlarmThreshold,
    ScoreTail,
    false_alarm_threshold,
    require_rate,
)
from patchsieve.decisions.intervals import clopper_pearson
from patchsieve.decisions.labelled import PROFILES, LabelledThreshold, Purpose, labelled_threshold
from patchsieve.decisions.points import FITTED, OperatingPoint, OperatingPoints
from patchsieve.decisions.region_files import ImageRegions, coco_json, regions_json
from patchsieve.decisions.regions import Region, find_regions, one_ring, polygon_area
from patchsieve.decisions.result import DEFECT, GOOD, REVIEW, Result, peaks_of
from patchsieve.decisions.review import review_band

__all__ = [
    "DEFECT",
    "FITTED",
    "GOOD",
    "PROFILES",
    "REVIEW",
    "Costs",
    "FalseAlarmThreshold",
    "ImageRegions",
    "LabelledThreshold",
    "OperatingPoint",
    "OperatingPoints",
    "Purpose",
    "Region",
    "Result",
    "ScoreTail",
    "clopper_pearson",
    "coco_json",
    "false_alarm_threshold",
    "find_regions",
    "labelled_threshold",
    "one_ring",
    "peaks_of",
    "polygon_area",
    "regions_json",
    "require_rate",
    "review_band",
]
