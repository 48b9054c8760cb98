"""What the composable coreset loses against the greedy one: its radius, and the AUROC of a PatchCore with it.

    python benchmarks/composable.py DATA/magnetic_tile --train 150 --test 150 --banks 1000,4000 --seeds 10

The radius is how far the farthest training patch is from the bank, in the features themselves. Figures are means over
the seeds with the standard deviation between them; differences are composable less greedy with the same seed, with the
standard error of their mean.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from patchsieve.detectors import PatchCore
from patchsieve.features import Embeddings, embed_cached
from patchsieve.images import ImageSet, read_images


def main() -> None:
    arguments = parse()
    images = read_images(arguments.data)
    extractor = PatchCore().make_extractor(images.train)
    train, test = (
        embed_cached(extractor, spread_out(part, count), arguments.cache)
        for part, count in ((images.train, arguments.train), (images.test, arguments.test))
    )
    print("| bank | shards | | greedy | composable | difference |")
    print("| --- " * 6 + "|")
    candidates = len(train) * int(np.prod(train.features.shape[1:3]))
    for size in map(int, arguments.banks.split(",")):
        composable = PatchCore(coreset="composable", bank_size=size).coreset_choice()
        shards = composable.shards(candidates, train.features.shape[3], extractor.device)
        found = np.array(
            [
                [measure(PatchCore(coreset=kind, bank_size=size, seed=seed), train, test) for kind in KINDS]
                for seed in range(arguments.seeds)
            ]
        )
        for place, (name, digits) in enumerate((("radius", 2), ("image AUROC", 4))):
            greedy, other = found[:, :, place].T
            error = (other - greedy).std(ddof=1) / np.sqrt(arguments.seeds)
            print(
                f"| {size:,} | {shards} | {name} | {greedy.mean():.{digits}f} ±{greedy.std(ddof=1):.{digits}f} "
                f"| {other.mean():.{digits}f} ±{other.std(ddof=1):.{digits}f} "
                f"| {(other - greedy).mean():+.{digits}f} ±{error:.{digits}f} |",
                flush=True,
            )


KINDS = ("greedy", "composable")


def measure(model: PatchCore, train: Embeddings, test: Embeddings) -> tuple[float, float]:
    """Return the radius of the bank and the image AUROC."""
    model.fit_ranking(train)
    radius = max(
        float(model.bank_.index.search(batch.flatten(0, 2))[0].max()) for batch in train.features.batches(16)
    )
    labels = [bool(record.defective) for record in test.images]
    return radius, float(roc_auc_score(labels, model.predict(test).scores))


def spread_out(images: ImageSet, count: int) -> ImageSet:
    """Return so many of the images, evenly from all kinds."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
    return images.with_records([images[int(index)] for index in chosen])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="one labelled set of images")
    parser.add_argument("--train", type=int, default=150, help="images to learn from")
    parser.add_argument("--test", type=int, default=150, help="images to judge by")
    parser.add_argument("--banks", default="1000,5000", help="sizes of the bank")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, help="folder that keeps the embeddings")
    return parser.parse_args()


if __name__ == "__main__":
    main()
