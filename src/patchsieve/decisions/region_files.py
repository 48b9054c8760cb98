"""Regions as files: plain JSON with everything that is known, and COCO for the tools that read it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from patchsieve.decisions.regions import Region, Ring, one_ring

# A hundredth of a pixel: nobody sees less, and the files stay small.
_DIGITS = 2
# The one category of COCO; how a defect is called is not known to a model that has seen none.
_CATEGORY = {"id": 1, "name": "anomaly", "supercategory": "defect"}


@dataclass(frozen=True, slots=True)
class ImageRegions:
    """One image with what was found in it.

    Attributes:
        name: of the image, as in the table of results.
        size: (height, width) in pixels, upright.
        score: of the image.
        verdict: of the image, which does not depend on its regions.
        regions: the largest peak first; none is an answer too.
    """

    name: str
    size: tuple[int, int]
    score: float
    verdict: str
    regions: tuple[Region, ...]


def regions_json(
    images: Sequence[ImageRegions],
    *,
    threshold: float,
    pixel_threshold: float,
    min_area: float,
    skipped: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the text of a JSON file, which the manual describes.

    Args:
        images: in order.
        threshold: of the image scores.
        pixel_threshold: of the maps.
        min_area: regions of a smaller area were left out.
        skipped: names of images that could not be decoded, and why.
    """
    document = {
        "format": "patchsieve-regions",
        "version": 1,
        "created": _now(),
        "threshold": threshold,
        "pixel_threshold": pixel_threshold,
        "min_area": min_area,
        "images": [
            {
                "image": image.name,
                "width": image.size[1],
                "height": image.size[0],
                "score": image.score,
                "verdict": image.verdict,
                "regions": [region_fields(region) for region in image.regions],
            }
            for image in images
        ],
        "skipped": [{"image": name, "reason": reason} for name, reason in skipped],
    }
    return json.dumps(document, indent=1) + "\n"


def coco_json(images: Sequence[ImageRegions], *, description: str) -> str:
    """Return the text of a COCO file of object detection and segmentation.

    Every image is listed, also without regions; every region is an annotation with `bbox`, `area`, polygons in
    `segmentation`, and its peak as `score`. COCO's polygons have no holes: the outline is cut open to each hole, which
    keeps area and pixels as they are.

    Args:
        images: in order.
        description: what the file is, for its `info`.

    References:
        https://cocodataset.org/#format-data
    """
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        for region in image.regions:
            left, top, right, bottom = region.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": _CATEGORY["id"],
                    "bbox": _rounded([left, top, right - left, bottom - top]),
                    "area": round(region.area, _DIGITS),
                    "segmentation": [
                        _rounded(one_ring(polygon).ravel().tolist()) for polygon in region.polygons
                    ],
                    "iscrowd": 0,
                    "score": region.peak_score,
                }
            )
    document = {
        "info": {"description": description, "date_created": _now(), "version": "1"},
        "licenses": [],
        "images": [
            {"id": number, "file_name": image.name, "width": image.size[1], "height": image.size[0]}
            for number, image in enumerate(images, start=1)
        ],
        "categories": [_CATEGORY],
        "annotations": annotations,
    }
    return json.dumps(document) + "\n"


def region_fields(region: Region) -> dict[str, Any]:
    """Return a region as JSON has it in every file and answer of ours."""
    return {
        "area": round(region.area, _DIGITS),
        "box": _rounded(region.box),
        "peak": list(region.peak),
        "peak_score": region.peak_score,
        "mean_score": region.mean_score,
        "polygons": [[_points(ring) for ring in polygon] for polygon in region.polygons],
    }


def _points(ring: Ring) -> list[list[float]]:
    return [_rounded(point) for point in ring.tolist()]


def _rounded(numbers: Sequence[float]) -> list[float]:
    return [round(number, _DIGITS) for number in numbers]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
