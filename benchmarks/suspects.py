"""How well each way of ranking the training images finds the defective ones among them.

    python benchmarks/suspects.py DATA RESULTS.jsonl --cache CACHE --sets cookies,elpv_poly,magnetic_tile

DATA holds one folder per set in the MVTec AD layout. The training set is the good training images and `--noise` times
as many defective images from the test part (no overlap), drawn once for each seed. No label is looked at before the
ranking is there. Then:

precision@n: of the n worst, n being the number of defective images in the set, the share that is defective.
AUROC: the chance that a defective training image ranks above a good one.
seconds: for the ranking, from embeddings that are there.

The rankings:

out of sample: image scores of a detector by cross-fitting, each image by a model of the other images: what
  `patchsieve suspects` ranks by.
sieve: the largest outlier score of an image's patches, as the sieve computes it: in sample.
image lof, image knn: scikit-learn's local outlier factor (20 neighbours), and the mean distance to the 5 nearest other
  images, of embeddings averaged over all positions.

The features of a set are kept in CACHE. Each cell is appended to RESULTS as soon as it is there; a run that was stopped
goes on where it was when it is started again.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from accuracy import contaminated
from patchsieve.detectors import PaDiM, PatchCore, SoftPatch
from patchsieve.evaluation import outlier_auroc, precision_at_n
from patchsieve.features import PatchFeatures, embed_cached
from patchsieve.images import read_images
from patchsieve.progress import SILENT
from patchsieve.sieve import DISCRIMINATORS, outlier_scores
from systems import append, read_results

Scores = npt.NDArray[np.floating]
Ranking = Callable[[PatchFeatures, int], Scores]


def out_of_sample(kind: type, **settings: Any) -> Ranking:
    def rank(features: PatchFeatures, seed: int) -> Scores:
        model = kind(**settings, seed=seed)
        # The folds' models build on the whole one.
        model.learn(features)
        scores: Scores = model.out_of_sample(features, SILENT)[0]
        return scores

    return rank


def by_sieve(name: str) -> Ranking:
    def rank(features: PatchFeatures, seed: int) -> Scores:
        discriminator = SoftPatch(discriminator=name, seed=seed).noise_discriminator()
        return outlier_scores(features, discriminator).flatten(1).amax(dim=1).numpy()

    return rank


def pooled(features: PatchFeatures) -> Scores:
    return np.concatenate([batch.mean(dim=(1, 2)).numpy() for batch in features.batches(16)])


def image_lof(features: PatchFeatures, seed: int) -> Scores:  # noqa: ARG001
    found = LocalOutlierFactor(n_neighbors=min(20, len(features) - 1)).fit(pooled(features))
    return -np.asarray(found.negative_outlier_factor_)


def image_knn(features: PatchFeatures, seed: int) -> Scores:  # noqa: ARG001
    # Asked without points, it leaves each point out of its own neighbours.
    found = NearestNeighbors(n_neighbors=min(5, len(features) - 1)).fit(pooled(features))
    return np.asarray(found.kneighbors()[0].mean(axis=1))


# The cheap ones first: a run that is stopped has most of the table.
RANKINGS: dict[str, Ranking] = {
    "image lof": image_lof,
    "image knn": image_knn,
    **{f"sieve, {name}": by_sieve(name) for name in DISCRIMINATORS},
    "padim, out of sample": out_of_sample(PaDiM),
    "patchcore, out of sample": out_of_sample(PatchCore),
    **{
        f"softpatch {name}, out of sample": out_of_sample(SoftPatch, discriminator=name)
        for name in DISCRIMINATORS
    },
}


def main() -> None:
    arguments = parse()
    done = read_results(arguments.results)
    wanted = []
    for name in arguments.sets:
        images = read_images(arguments.data / name)
        model = SoftPatch(backbone=arguments.backbone)
        embeddings = embed_cached(model.make_extractor(), images, arguments.cache)
        position = {record.path: index for index, record in enumerate(embeddings.images)}
        for seed in range(arguments.seeds):
            train, _ = contaminated(images, "no overlap", arguments.noise, seed)
            truth = np.array([bool(record.defective) for record in train])
            rows = np.array([position[record.path] for record in train])
            features = None
            for ranking in arguments.rankings:
                key = (name, ranking, str(seed), str(arguments.noise), arguments.backbone)
                wanted.append(key)
                if key in done:
                    continue
                if features is None:
                    features = embeddings.features.take(rows).in_memory()
                started = perf_counter()
                scores = RANKINGS[ranking](features, seed)
                seconds = perf_counter() - started
                done[key] = {
                    "precision": precision_at_n(truth, scores),
                    "auroc": outlier_auroc(truth, scores),
                    "seconds": seconds,
                    "images": len(truth),
                    "defective": int(truth.sum()),
                }
                append(arguments.results, {"key": key, **done[key]})
                print(f"{' | '.join(key[:3])}: {json.dumps(done[key])}", flush=True)
    print_table({key: done[key] for key in wanted})


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
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings; default none")
    parser.add_argument("--sets", type=names, default=["cookies", "elpv_poly", "magnetic_tile"])
    parser.add_argument(
        "--rankings", type=lambda text: text.split(";"), default=list(RANKINGS), help="by semicolons"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    arguments = parser.parse_args()
    unknown = set(arguments.rankings) - set(RANKINGS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose of {'; '.join(RANKINGS)}")
    return arguments


def print_table(done: dict[tuple[str, ...], dict[str, Any]]) -> None:
    sets = list(dict.fromkeys(key[0] for key in done))
    print(f"\n| ranking | {' | '.join(sets)} |")
    print("| --- " * (1 + len(sets)) + "|")
    for ranking in dict.fromkeys(key[1] for key in done):
        cells = [
            cell([row for key, row in done.items() if key[0] == name and key[1] == ranking]) for name in sets
        ]
        print(f"| {ranking} | {' | '.join(cells)} |")


def cell(rows: list[dict[str, Any]]) -> str:
    """Return precision@n and AUROC, means over the seeds with half their spread, and the median of the seconds."""
    parts = []
    for column in ("precision", "auroc"):
        values = np.array([row[column] for row in rows])
        parts.append(f"{values.mean():.3f}" + (f" ±{np.ptp(values) / 2:.3f}" if len(values) > 1 else ""))
    return f"{', '.join(parts)}; {np.median([row['seconds'] for row in rows]):.1f} s"


if __name__ == "__main__":
    main()
