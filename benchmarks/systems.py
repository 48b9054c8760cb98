"""Every registered detector on the same images, in the same conditions.

    python benchmarks/systems.py DATA RESULTS.jsonl --sets magnetic_tile,cookies,elpv_poly --seeds 3

DATA holds one folder per set in the MVTec AD layout. Conditions are those of `accuracy.py`: the good training images
alone ("clean"), or with `--noise` times as many defective images from the test part, which leave it ("no overlap") or
stay ("overlap"). The features of a set are extracted once for each way of extracting them. Each cell is appended to
RESULTS as soon as it is there: a run that was stopped goes on where it was when it is started again, and a cell that
is there already is not computed again. The table is of all cells that were asked for.

image AUROC, pixel AUROC: mean over the seeds, half their spread behind it; pixel AUROC where there are masks.
fit s: from files to a calibrated model, with seed 0; reading and embedding as measured when the features were made.
Other seeds only learn and rank: AUROC needs no threshold.
ms an image: from file to map, likewise. MiB: the model file.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from accuracy import contaminated, framed_masks, localisation
from patchsieve.detectors import DETECTORS, Detector, make_detector
from patchsieve.errors import PatchSieveError
from patchsieve.evaluation import image_metrics
from patchsieve.features import Embeddings, identity
from patchsieve.images import ImageRecord, ImageSet, read_images

# All registered detectors as they are, and under names of their own what the papers compare beside them.
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in DETECTORS},
    "softpatch-nearest": ("softpatch", {"discriminator": "nearest"}),
    "softpatch-gaussian": ("softpatch", {"discriminator": "gaussian"}),
    "softpatch-mutual": ("softpatch", {"discriminator": "mutual"}),
    "softpatch-unweighted": ("softpatch", {"soft_weights": False}),
    "patchcore-random": ("patchcore", {"coreset": "random", "coreset_ratio": 0.01}),
    "denoised-0.1": ("denoised", {"drop": 0.1}),
}
CONDITIONS = ("clean", "no overlap", "overlap")
COLUMNS = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "fit_seconds": "fit s",
    "image_ms": "ms an image",
    "file_mib": "MiB",
}
Key = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """A set of images with its features by one way of extracting them."""

    name: str
    images: ImageSet
    embeddings: Embeddings
    masks: list
    position: dict[ImageRecord, int]

    @classmethod
    def of(cls, name: str, images: ImageSet, model: Detector) -> "Task":
        embeddings = model.make_extractor().embed(images)
        position = {record.path: index for index, record in enumerate(embeddings.images)}
        return cls(name, images, embeddings, framed_masks(embeddings), position)


def main() -> None:
    arguments = parse()
    done = read_results(arguments.results)
    print(f"{torch.get_num_threads()} threads; {len(done)} cells are in {arguments.results} already")
    groups = by_extraction(arguments)
    wanted = []
    for name in arguments.sets:
        images = capped(read_images(arguments.data / name), arguments.images)
        for models in groups.values():
            wanted += [key for key, *_ in cells(name, models, arguments)]
            missing = [cell for cell in cells(name, models, arguments) if cell[0] not in done]
            if not missing:
                continue
            started = perf_counter()
            task = Task.of(name, images, next(iter(models.values())))
            print(
                f"{name}: features of {len(task.embeddings)} images in {perf_counter() - started:.0f} s",
                flush=True,
            )
            for key, system, condition, seed in missing:
                row = run(task, models[system], condition, seed, arguments.noise)
                if row is not None:
                    done[key] = row
                    append(arguments.results, {"key": key, **row})
                    print(f"{' | '.join(key[:4])}: {json.dumps(row)}", flush=True)
    print_table({key: done[key] for key in wanted if key in done})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def names(text: str) -> list[str]:
        return text.split(",")

    parser.add_argument("data", type=Path)
    parser.add_argument(
        "results", type=Path, help="one line of JSON for each cell; continued where it is there"
    )
    parser.add_argument("--detectors", type=names, default=list(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--sets", type=names, default=["magnetic_tile", "cookies", "elpv_poly"])
    parser.add_argument("--conditions", type=names, default=list(CONDITIONS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument(
        "--images", type=int, help="of each kind: training, good test, defective test; default all"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.detectors) - set(SYSTEMS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose of {', '.join(SYSTEMS)}")
    return arguments


def capped(images: ImageSet, most: int | None) -> ImageSet:
    """Return at most so many images of each kind, spread over all of it."""
    if most is None:
        return images
    kinds: dict[tuple[str | None, bool], list[ImageRecord]] = {}
    for record in images:
        kinds.setdefault((record.split, bool(record.defective)), []).append(record)
    return images.with_records([record for kind in kinds.values() for record in spread(kind, most)])


def spread(records: list[ImageRecord], most: int) -> list[ImageRecord]:
    chosen = np.linspace(0, len(records) - 1, min(most, len(records))).round().astype(int)
    return [records[index] for index in chosen]


def by_extraction(arguments: argparse.Namespace) -> dict[str, dict[str, Detector]]:
    """Return the detectors that share features, by what decides about these."""
    groups: dict[str, dict[str, Detector]] = {}
    for system in arguments.detectors:
        name, settings = SYSTEMS[system]
        try:
            # One that learns from pixels has no use for another backbone.
            general = DETECTORS[name].backbone == Detector.backbone
            model = make_detector(name, {"backbone": arguments.backbone, **settings} if general else settings)
            kind = json.dumps(identity(model.make_extractor()))
        except PatchSieveError as error:
            print(f"{system} is left out: {error}", flush=True)
            continue
        groups.setdefault(kind, {})[system] = model
    return groups


def cells(
    name: str, models: dict[str, Detector], arguments: argparse.Namespace
) -> Iterator[tuple[Key, str, str, int]]:
    for system in models:
        for condition in arguments.conditions:
            for seed in range(arguments.seeds):
                asked = f"{arguments.backbone}, noise {arguments.noise}, images {arguments.images or 'all'}"
                yield (name, condition, system, str(seed), asked), system, condition, seed


def run(
    task: Task, model: Detector, condition: str, seed: int, noise: float
) -> dict[str, float | None] | None:
    train, test = contaminated(task.images, condition, noise, seed)
    learn, chosen = (
        [task.position[record.path] for record in part if record.path in task.position]
        for part in (train, test)
    )
    learnt, held_out = task.embeddings.take(learn), task.embeddings.take(chosen)
    model = clone(model).set_params(seed=seed)
    started = perf_counter()
    try:
        if seed == 0:
            model.fit(learnt)
        else:
            model.fit_ranking(learnt)
    except PatchSieveError as error:
        print(f"{task.name} | {condition} | {model.system}: {error}", flush=True)
        return None
    fitted = perf_counter()
    result = model.predict(held_out)
    scored = perf_counter()
    labels = np.array([bool(record.defective) for record in result.images])
    auroc = image_metrics(labels, result.scores, result.threshold).auroc
    figures = {
        "image_auroc": np.nan if auroc is None else auroc,
        "pixel_auroc": localisation(list(result.maps), [task.masks[index] for index in chosen]),
        "image_ms": 1000 * ((scored - fitted) / len(held_out) + held_out.seconds.mean()),
    }
    if seed == 0:
        figures |= {
            "fit_seconds": fitted - started + learnt.seconds.sum(),
            "file_mib": file_size(model) / 2**20,
        }
    return {name: None if np.isnan(value) else round(float(value), 5) for name, value in figures.items()}


def file_size(model: Detector) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.sieve"
        model.save(path)
        return path.stat().st_size


def read_results(path: Path) -> dict[Key, dict[str, Any]]:
    """Return the cells of a file; a last line that was cut off counts for nothing."""
    found: dict[Key, dict[str, Any]] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            found[tuple(row.pop("key"))] = row
    return found


def append(path: Path, row: dict[str, Any]) -> None:
    with path.open("a+b") as stream:
        # After a line that was cut off, a new one begins.
        if stream.tell() and not _ends_a_line(path):
            stream.write(b"\n")
        stream.write(json.dumps(row).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() == b"\n"


def print_table(done: dict[Key, dict[str, Any]]) -> None:
    rows: dict[Key, list[dict[str, Any]]] = {}
    for (name, condition, system, _, _), row in done.items():
        rows.setdefault((name, condition, system), []).append(row)
    print(f"\n| set | condition | detector | seeds | {' | '.join(COLUMNS.values())} |")
    print("| --- " * (4 + len(COLUMNS)) + "|")
    for key in sorted(rows, key=lambda key: (key[0], CONDITIONS.index(key[1]), list(SYSTEMS).index(key[2]))):
        cells_of = [cell(column, [row[column] for row in rows[key] if column in row]) for column in COLUMNS]
        print(f"| {' | '.join((*key, str(len(rows[key])), *cells_of))} |")


def cell(column: str, values: list[float | None]) -> str:
    if not values or any(value is None for value in values):
        return "-"
    numbers = np.array(values, dtype=float)
    if not column.endswith("auroc"):
        return f"{np.median(numbers):.1f}"
    return f"{numbers.mean():.3f}" + (f" ±{np.ptp(numbers) / 2:.3f}" if len(numbers) > 1 else "")


if __name__ == "__main__":
    main()
