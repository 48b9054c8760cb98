"""Draw the picture at the top of the README from the demo's output: `python docs/images/draw_result.py demo`.

Three test images of the demo set, each as input, anomaly map and overlay, all maps on the model's one colour scale.
"""

import sys
from pathlib import Path

from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from patchsieve import load
from patchsieve.images import decode
from patchsieve.pictures import FOUND_COLOUR, colour_scale, heat_map, outline, overlay, place_map

SHOWN = ("missing_hole/001", "dent/002", "good/002")
TARGET = Path(__file__).with_name("result.png")


def main() -> None:
    """Score the images and write the picture."""
    demo = Path(sys.argv[1])
    model = load(demo / "model.sieve", device="cpu")
    result = model.predict([demo / "images" / "test" / f"{name}.png" for name in SHOWN])
    scale = colour_scale(model)
    figure, axes = plt.subplots(
        len(SHOWN), 3, figsize=(7.2, 7.7), layout="constrained", gridspec_kw={"hspace": 0.02}
    )
    for title, axis in zip(("input", "anomaly map", "overlay"), axes[0], strict=True):
        axis.set_title(title, fontsize=11)
    by_name = {record.name: index for index, record in enumerate(result.images)}
    for name, row in zip(SHOWN, axes, strict=True):
        index = by_name[f"{name}.png"]
        pixels, box = decode(result.images[index]), tuple(result.boxes[index].tolist())
        placed = place_map(result.maps[index], box, *pixels.shape[:2])
        marked = outline(
            overlay(pixels, result.maps[index], scale, box), placed > result.threshold, FOUND_COLOUR, 1
        )
        for axis, picture in zip(row, (pixels, heat_map(placed, scale), marked), strict=True):
            axis.imshow(picture)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name.partition("/")[0].replace("_", " "), fontsize=11)
        row[1].set_xlabel(
            f"score {result.scores[index]:.1f}: {result.verdicts[index]}",
            fontsize=11,
            color="#D55E00" if result.verdicts[index] == "defect" else "#222222",
        )
    bar = figure.colorbar(
        ScalarMappable(Normalize(scale.low, scale.high), colormaps["inferno"]),
        ax=axes,
        location="bottom",
        aspect=45,
        pad=0.01,
    )
    bar.ax.axvline(result.threshold, color="#56B4E9", linewidth=3)
    bar.set_label(f"anomaly score, one scale for all maps; threshold {result.threshold:.1f}")
    figure.savefig(TARGET, dpi=92)
    Image.open(TARGET).convert("RGB").save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
