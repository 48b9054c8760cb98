"""Decisions: from scores to a threshold, from maps to regions.

In: anomaly scores float `[N]` of images that the scoring model has not seen. Out: a threshold on the same
scale; an image above it is called defective. In: an anomaly map float32 `[h, w]` and a threshold on its scale. Out: the
`Region`s above it, in pixels of the image.
"""

from patchsieve.decisions.region_files import ImageRegions, coco_json, regions_json
from patchsieve.decisions.regions import Region, find_regions, one_ring, polygon_area
from patchsieve.decisions.thresholds import robust_threshold

__all__ = [
    "ImageRegions",
    "Region",
    "coco_json",
    "find_regions",
    "one_ring",
    "polygon_area",
    "regions_json",
    "robust_threshold",
]
