"""Image and pixel AUROC under noise: SoftPatch with its three discriminators beside PatchCore.

    python benchmarks/accuracy.py DATA --sets magnetic_tile,cookies --backbones efficientnet_lite0,dinov2_vits14

DATA holds one folder per set in the MVTec AD layout. Each set is fitted on its good training images plus
`--noise` times as many defective images drawn from its test part, which stay in the test part ("overlap") or
leave it ("no overlap"), once per seed; the seed also starts the detector. Image AUROC is over all test images,
pixel AUROC over those with masks. A cell is the mean over the seeds, and half the spread (max - min) behind it.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from patchsieve.decisions import Result
from patchsieve.detectors import Detector, PatchCore, SoftPatch
from patchsieve.detectors.maps import MapSmoother
from patchsieve.evaluation import image_metrics, pixel_auroc, precision_at_n
from patchsieve.features import Embeddings
from patchsieve.images import ImageRecord, ImageSet, decode_mask, inject_noise, read_images

DETECTORS: dict[str, tuple[type[Detector], dict[str, object]]] = {
    "SoftPatch-lof": (SoftPatch, {"discriminator": "lof"}),
    "SoftPatch-nearest": (SoftPatch, {"discriminator": "nearest"}),
    "SoftPatch-gaussian": (SoftPatch, {"discriminator": "gaussian"}),
    "PatchCore": (PatchCore, {}),
}
COLUMNS = ("image_auroc", "pixel_auroc", "false_alarms", "recall", "suspects_precision", "fit_seconds")


def main() -> None:
    arguments = parse()
    results: dict[tuple[str, ...], list[dict[str, float]]] = defaultdict(list)
    for backbone in arguments.backbones.split(","):
        for name in arguments.sets.split(","):
            images = read_images(arguments.data / name)
            embeddings = extract(images, backbone, arguments)
            for key, row in grid(images, embeddings, arguments):
                results[(backbone, name, *key)].append(row)
                print(json.dumps({"backbone": backbone, "set": name, "cell": key, **row}), flush=True)
    print_table(results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default="magnetic_tile,cookies")
    parser.add_argument(
        "--backbones", default="efficientnet_lite0", help="name or name:layer+layer, by commas"
    )
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--bank-size", type=int, help="cap on the bank; default none, as in the papers")
    parser.add_argument("--conditions", default="clean,no overlap,overlap")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="to share the seeds between machines")
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="AUROC only: no threshold, no suspects, in half the time",
    )
    parser.add_argument("--crop", default="224")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--precision", default="float32", help="of the backbone, or bfloat16")
    return parser.parse_args()


def extract(images: ImageSet, backbone: str, arguments: argparse.Namespace) -> Embeddings:
    name, _, layers = backbone.partition(":")
    detector = PatchCore(
        backbone=name,
        layers=tuple(layers.split("+")) if layers else None,
        image_size=arguments.image_size,
        crop=None if arguments.crop == "none" else int(arguments.crop),
        precision=arguments.precision,
    )
    return detector.make_extractor().embed(images)


def grid(
    images: ImageSet, embeddings: Embeddings, arguments: argparse.Namespace
) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    position = {record.path: index for index, record in enumerate(embeddings.images)}
    masks = framed_masks(embeddings)
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for condition in arguments.conditions.split(","):
            train, test = contaminated(images, condition, arguments.noise, seed)
            for name in arguments.detectors.split(","):
                kind, settings = DETECTORS[name]
                started = perf_counter()
                learn = embeddings.take([position[record.path] for record in train])
                model = kind(**settings, seed=seed, bank_size=arguments.bank_size)
                chosen = [position[record.path] for record in test]
                held_out, held_masks = embeddings.take(chosen), [masks[index] for index in chosen]
                if arguments.no_calibration:
                    model.learn(learn.features)
                    seconds = perf_counter() - started
                    row = rank(model, held_out, held_masks)
                else:
                    model.fit(learn)
                    seconds = perf_counter() - started
                    row = judge(model, model.predict(held_out), held_masks, train)
                yield (condition, name), row | {"fit_seconds": seconds}


def contaminated(
    images: ImageSet, condition: str, noise: float, seed: int
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Return what is learnt from and what is judged by in one of the conditions clean, no overlap and overlap."""
    share = 0.0 if condition == "clean" else noise
    noisy, _ = inject_noise(images, share, overlap="same" if condition == "overlap" else "none", seed=seed)
    train, test = ([record for record in noisy if record.split == split] for split in ("train", "test"))
    return train, test


def rank(model: Detector, test: Embeddings, masks: list) -> dict[str, float]:
    """Judge what needs no threshold."""
    smooth = MapSmoother(tuple(test.features.shape[1:3]), test.extractor.preprocessing.frame, model.sigma)
    parts = [model.score(batch.features.tensor()) for batch in test.batches(model.batch_size)]
    scores = np.concatenate([image_scores.numpy() for image_scores, _ in parts])
    maps = [anomaly_map for _, patches in parts for anomaly_map in smooth(patches).numpy()]
    labels = np.array([bool(record.defective) for record in test.images])
    image, pixel = image_metrics(labels, scores, 0.0).auroc, localisation(maps, masks)
    return dict.fromkeys(COLUMNS, np.nan) | {"image_auroc": float(image or np.nan), "pixel_auroc": pixel}


def localisation(maps: list, masks: list) -> float:
    pairs = [pair for pair in zip(maps, masks, strict=True) if pair[1] is not None]
    return float(pixel_auroc(*zip(*pairs, strict=True))) if any(mask.any() for _, mask in pairs) else np.nan


def judge(model: Detector, result: Result, masks: list, train: list) -> dict[str, float]:
    labels = np.array([bool(record.defective) for record in result.images])
    image = image_metrics(labels, result.scores, result.threshold)
    truth = np.array([bool(record.defective) for record in train])
    pixel = localisation(list(result.maps), masks)
    found = precision_at_n(truth, model.training_.scores) if truth.any() else None
    values = (image.auroc, pixel, image.false_alarm_rate, image.recall, found)
    return {name: np.nan if value is None else value for name, value in zip(COLUMNS, values, strict=False)}


def framed_masks(embeddings: Embeddings) -> list:
    preprocessing = embeddings.extractor.preprocessing
    return [
        np.zeros(preprocessing.frame, dtype=bool)
        if not record.defective
        else None
        if record.mask is None
        else preprocessing.mask(decode_mask(record.mask))
        for record in embeddings.images
    ]


def print_table(results: dict[tuple[str, ...], list[dict[str, float]]]) -> None:
    print(f"\n| backbone | set | condition | detector | {' | '.join(COLUMNS)} |")
    print("| --- " * (4 + len(COLUMNS)) + "|")
    for key, rows in results.items():
        cells = []
        for column in COLUMNS:
            values = np.array([row[column] for row in rows])
            spread = f" ±{np.ptp(values) / 2:.3f}" if len(values) > 1 and column != "fit_seconds" else ""
            cells.append("-" if np.isnan(values).any() else f"{values.mean():.3f}{spread}")
        print(f"| {' | '.join((*key, *cells))} |")


if __name__ == "__main__":
    main()
