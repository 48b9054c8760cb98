"""Small defects in large images: looked at whole, made smaller, and in tiles.

    python benchmarks/tiling.py
    python benchmarks/tiling.py --size 1536x2048 --spots 6,12,24

Draws grained plates and dark spots on them, a few pixels wide. A PatchCore learns from plates without spots and scores
plates without and with them. Each way of looking runs in a process of its own, so that its peak of memory is its own.
Seconds are those that the processor works, not those on the clock.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from patchsieve.cli.settings import size
from patchsieve.detectors import make_detector

Pixels = npt.NDArray[np.uint8]
WAYS: dict[str, dict[str, Any]] = {
    "made 256 pixels high": {"image_size": 256, "crop": None},
    "made 512 pixels high": {"image_size": 512, "crop": None},
    "whole": {"image_size": "native", "crop": None, "batch_size": 1},
    "tiles of 256, overlap 64": {"tile": 256, "tile_overlap": 64},
    "tiles of 512, overlap 64": {"tile": 512, "tile_overlap": 64},
    "tiles of 512, overlap 128": {"tile": 512, "tile_overlap": 128},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="1024x1024", help="HEIGHTxWIDTH of the plates")
    parser.add_argument("--spots", default="6,8,12,24", help="widths of the spots, in pixels")
    parser.add_argument("--images", type=int, default=16, help="to learn from, and of each kind to score")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--way", choices=tuple(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    widths = [int(width) for width in arguments.spots.split(",")]
    if arguments.way:
        print(json.dumps(measured(arguments, widths)))
        return
    print(f"| {' | '.join(('', *(f'{width} px' for width in widths), 's an image', 'peak, MB'))} |")
    print("| --- " * (3 + len(widths)) + "|")
    for way in WAYS:
        command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
        result = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        aurocs = (f"{auroc:.2f}" for auroc in result["aurocs"])
        print(f"| {' | '.join((way, *aurocs, format(result['seconds'], '.2f'), str(result['peak'])))} |")


def measured(arguments: argparse.Namespace, widths: list[int]) -> dict[str, Any]:
    """Return the AUROC for each width of spot, seconds an image and the peak of memory in MB."""
    shape, count = np.broadcast_to(size(arguments.size), 2), arguments.images
    settings = {"backbone": arguments.backbone, "coreset": "random", "bank_size": 10_000, "folds": 2}
    model = make_detector("patchcore", {**settings, **WAYS[arguments.way]})
    model.fit([plate(seed, shape, 0) for seed in range(count)])
    kinds = []
    started = time.process_time()
    for number, width in enumerate((0, *widths)):
        kinds.append(np.concatenate([
            model.predict([plate(1000 * (number + 1) + seed, shape, width)]).scores for seed in range(count)
        ]))  # fmt: skip
    seconds = (time.process_time() - started) / (count * len(kinds))
    good, *defective = kinds
    labels = [0] * count + [1] * count
    return {
        "aurocs": [roc_auc_score(labels, np.concatenate([good, scores])) for scores in defective],
        "seconds": seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def plate(seed: int, shape: npt.NDArray[np.int64], spot: int) -> Pixels:
    """Draw a grained plate with a dark spot somewhere, of so many pixels; with none where it is 0."""
    random = np.random.default_rng(seed)
    grey = 130 + 60 * gaussian_filter(random.normal(size=shape), 2.0)
    top, left = random.integers(shape // 16, shape - shape // 16)
    grey[top : top + spot, left : left + spot] = 40
    pixels: Pixels = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return pixels


if __name__ == "__main__":
    main()
