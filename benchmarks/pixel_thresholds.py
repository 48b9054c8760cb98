"""Where outlines begin when nobody has drawn a mask, beside the best that masks could have told.

    python benchmarks/pixel_thresholds.py DATA --cache CACHE --sets cookies,magnetic_tile

DATA holds one folder per set in the MVTec AD layout, with masks. SoftPatch learns from at most `--images` images, clean
or with 10 % defective ones that stay in the test part (overlap); its maps of as many test images of each kind are cut
at thresholds from the training maps alone, which are out of sample:

quarter: what a quarter of the training maps exceeds somewhere: what `fit` takes.
half: what half of them does.
score: the threshold of the image scores, as if maps and scores shared a scale.

The figures are F1 of all pixels in the model frame, and in brackets the threshold. The best is the highest F1 of any
threshold on these masks.
"""

import argparse
from pathlib import Path

import numpy as np

from patchsieve.detectors import SoftPatch
from patchsieve.detectors.maps import highest
from patchsieve.detectors.presenting import smoother
from patchsieve.evaluation import best_f1_threshold, evaluate, outlining
from patchsieve.features import embed_cached
from patchsieve.images import ImageRecord, ImageSet, inject_noise, read_images

RULES = ("best", "quarter", "half", "score")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings; default none")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=["cookies", "magnetic_tile"])
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    print(f"| set | training | {' | '.join(RULES)} |")
    print("| --- " * (2 + len(RULES)) + "|")
    for name in arguments.sets:
        images = capped(read_images(arguments.data / name), arguments.images)
        for condition in ("clean", "overlap"):
            cells = [f"{f1:.3f} ({threshold:.1f})" for f1, threshold in row(images, condition, arguments)]
            print(f"| {name} | {condition} | {' | '.join(cells)} |", flush=True)


def capped(images: ImageSet, most: int) -> ImageSet:
    """Return at most so many images of each kind (training, good test, defective test), spread over all of it."""
    kinds: dict[tuple[str | None, bool], list[ImageRecord]] = {}
    for record in images:
        kinds.setdefault((record.split, bool(record.defective)), []).append(record)
    return images.with_records([record for kind in kinds.values() for record in spread(kind, most)])


def spread(records: list[ImageRecord], most: int) -> list[ImageRecord]:
    chosen = np.linspace(0, len(records) - 1, min(most, len(records))).round().astype(int)
    return [records[index] for index in chosen]


def row(images: ImageSet, condition: str, arguments: argparse.Namespace) -> list[tuple[float, float]]:
    """Return F1 and threshold for each of `RULES`."""
    noisy, _ = inject_noise(images, 0.1 if condition == "overlap" else 0.0, overlap="same", seed=0)
    train, test = ([record for record in noisy if record.split == split] for split in ("train", "test"))
    model = SoftPatch()
    extractor = model.make_extractor()
    model.fit(embed_cached(extractor, images.with_records(train), arguments.cache))
    evaluation = evaluate(model, images.with_records(test))
    maps = model.training_.patch_maps
    peaks = highest(maps, smoother(model, maps))
    thresholds = (
        best_f1_threshold(evaluation),
        model.pixel_threshold_,
        float(np.median(peaks)),
        model.threshold_,
    )
    return [(outlining(evaluation, threshold).f1, threshold) for threshold in thresholds]


if __name__ == "__main__":
    main()
