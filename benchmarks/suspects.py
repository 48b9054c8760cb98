"""How well rankings find the defective images among the training images.

    python benchmarks/suspects.py DATA --cache CACHE --sets cookies,elpv_poly,magnetic_tile

DATA holds one folder per set in the MVTec AD layout. The training set is the good training images and `--noise` times
as many defective images from the test part (no overlap), drawn once for each seed, as `patchsieve bench` draws them; it
prints the same two figures for the rankings of detectors, of which `patchsieve suspects` shows one. No label is looked
at before the ranking is there. Then:

precision@n: of the n worst, n being the number of defective images in the set, the share that is defective.
AUROC: the chance that a defective training image ranks above a good one.

A cell is the mean over the seeds of both, the standard deviation behind it, and the median of the seconds that the
ranking took, from embeddings that are there. The rankings:

sieve: the largest outlier score of an image's patches, as the sieve computes it: in sample.
image lof, image knn: scikit-learn's local outlier factor (20 neighbours), and the mean distance to the 5 nearest other
  images, of embeddings averaged over all positions.
padim, patchcore, softpatch-lof, ...: the scores of such a detector for its own training images, out of sample, which
  `patchsieve suspects` ranks them by. They need a fit.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from noisy_sets import set_arguments, training_set
from patchsieve.detectors import Detector, SoftPatch, make_detector
from patchsieve.evaluation import outlier_auroc, precision_at_n
from patchsieve.evaluation.bench.systems import named_systems
from patchsieve.evaluation.statistics import spread
from patchsieve.features import PatchFeatures, embed_cached
from patchsieve.images import read_images
from patchsieve.progress import SILENT
from patchsieve.sieve import DISCRIMINATORS, outlier_scores

Scores = npt.NDArray[np.floating]
Ranking = Callable[[PatchFeatures, int], Scores]
# Precision at n, AUROC, seconds.
Figures = tuple[float | None, float | None, float]


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


def out_of_sample(name: str) -> Ranking:
    system = named_systems()[name]

    def rank(features: PatchFeatures, seed: int) -> Scores:
        model = make_detector(system.detector, {**system.settings, "seed": seed})
        model.learn(features)
        return model.out_of_sample(features, SILENT)[0]

    return rank


DETECTORS = ("padim", "patchcore", "adaptive", *(f"softpatch-{name}" for name in DISCRIMINATORS))
RANKINGS: dict[str, Ranking] = {
    "image lof": image_lof,
    "image knn": image_knn,
    **{f"sieve, {name}": by_sieve(name) for name in DISCRIMINATORS},
    **{name: out_of_sample(name) for name in DETECTORS},
}


def main() -> None:
    arguments = parse()
    print("| set | ranking | precision@n, AUROC; time |")
    print("| --- | --- | --- |")
    for name in arguments.sets:
        images = read_images(arguments.data / name)
        for ranking in arguments.rankings:
            extractor = extracting(ranking, arguments.backbone).make_extractor()
            embeddings = embed_cached(extractor, images, arguments.cache)
            found = [
                judged(RANKINGS[ranking], *training_set(images, embeddings, arguments.noise, seed), seed)
                for seed in range(arguments.seeds)
            ]
            print(f"| {name} | {ranking} | {cell(found)} |", flush=True)


def parse() -> argparse.Namespace:
    parser = set_arguments(__doc__, ["cookies", "elpv_poly", "magnetic_tile"])
    parser.add_argument("--rankings", type=lambda text: text.split(","), default=list(RANKINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.1)
    return parser.parse_args()


def extracting(ranking: str, backbone: str) -> Detector:
    """Return a detector whose features a ranking takes: PaDiM does not average over a patch's neighbours."""
    if ranking not in DETECTORS:
        return SoftPatch(backbone=backbone)
    system = named_systems()[ranking]
    return make_detector(system.detector, {**system.settings, "backbone": backbone})


def judged(rank: Ranking, features: PatchFeatures, truth: npt.NDArray[np.bool_], seed: int) -> Figures:
    started = perf_counter()
    scores = rank(features, seed)
    seconds = perf_counter() - started
    return precision_at_n(truth, scores), outlier_auroc(truth, scores), seconds


def cell(seeds: list[Figures]) -> str:
    precision, auroc, seconds = zip(*seeds, strict=True)
    return f"{over(precision)}, {over(auroc)}; {median(seconds):.1f} s"


def over(values: tuple[float | None, ...]) -> str:
    found = spread(values)
    deviation = "" if found.deviation is None else f" ±{found.deviation:.3f}"
    return "-" if found.mean is None else f"{found.mean:.3f}{deviation}"


if __name__ == "__main__":
    main()
