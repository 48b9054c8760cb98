"""Recall and time of the indexes of a memory bank, on the features of a folder of images.

    pip install 'patchsieve[faiss]'
    python benchmarks/indexes.py shared/data/magnetic_tile --train-images 100 --test-images 20

The bank is a random choice of the training patches, or a greedy one. Queries are all patches of the test images, one
image after the other. Recall@1 is the share of queries for which an index finds a patch as near as the exact one does,
so a tie counts as found; "too far by" is by how much, on average, the distance is too large where it misses. Indexes
take turns, and the times are medians.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import torch

from patchsieve.bank import CORESETS, INDEXES, CoresetChoice, IndexChoice
from patchsieve.detectors import PatchCore
from patchsieve.features import PatchFeatures
from speed.data import real_features

# Two distances that agree to this are the same: they are computed in another order.
_SAME = 1e-6
Result = TypeVar("Result")


@dataclass
class Tried:
    """What an index took and found: seconds to build, seconds per image, distances of all queries."""

    building: list[float] = field(default_factory=list)
    searching: list[float] = field(default_factory=list)
    distances: torch.Tensor = field(default_factory=lambda: torch.empty(0))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--train-images", type=int, default=100)
    parser.add_argument("--test-images", type=int, default=20)
    parser.add_argument("--bank-size", type=int, default=10_000)
    parser.add_argument("--coreset", default="random", choices=CORESETS)
    parser.add_argument("--indexes", default=",".join(INDEXES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    extractor = PatchCore(backbone=arguments.backbone, device="cpu").make_extractor()
    training = real_features(extractor, arguments.folder, "train", arguments.train_images)
    bank = chosen(training, arguments.coreset, arguments.bank_size)
    images = real_features(extractor, arguments.folder, "test", arguments.test_images).flatten(1, 2)
    print(
        f"{arguments.folder.name}, {arguments.backbone}: {len(bank)} patches of {bank.shape[1]} channels "
        f"({arguments.coreset}); {len(images)} images of {images.shape[1]} queries; {arguments.threads} threads\n"
    )
    tried = {kind: Tried() for kind in dict.fromkeys(("exact", *arguments.indexes.split(",")))}
    for _ in range(arguments.rounds):
        for kind, result in tried.items():
            run(kind, bank, images, result)
    print_table(tried)


def set_threads(threads: int) -> None:
    """Give torch and FAISS the same number of threads."""
    import faiss

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)


def chosen(training: torch.Tensor, coreset: str, size: int) -> torch.Tensor:
    """Return the bank `[M, C]` of features `[N, H, W, C]`."""
    features = PatchFeatures(training)
    everything = torch.arange(training[..., 0].numel())
    return features.patches(CoresetChoice(coreset, ratio=1.0, size=size).select(features, everything))


def run(kind: str, bank: torch.Tensor, images: torch.Tensor, result: Tried) -> None:
    """Build an index and search all images, once."""
    index, seconds = timed(partial(IndexChoice(kind).build, bank))
    result.building.append(seconds)
    found = []
    for image in images:
        (distances, _), seconds = timed(partial(index.search, image))
        result.searching.append(seconds)
        found.append(distances[:, 0])
    result.distances = torch.cat(found)


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = perf_counter()
    result = work()
    return result, perf_counter() - started


def print_table(tried: dict[str, Tried]) -> None:
    exact = tried["exact"]
    print("| index | build, s | ms an image | times exact | recall@1 | too far by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind, result in tried.items():
        per_image = median(result.searching)
        missed = result.distances > exact.distances * (1 + _SAME)
        farther = (result.distances[missed] / exact.distances[missed] - 1).mean() if missed.any() else 0.0
        print(
            f"| {kind} | {median(result.building):.2f} | {1e3 * per_image:.1f} "
            f"| {per_image / median(exact.searching):.2f} | {1 - missed.float().mean():.4f} | {float(farther):.1%} |"
        )


if __name__ == "__main__":
    main()
