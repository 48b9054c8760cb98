"""How often the adaptive sieve finds that a training set holds defective images, and which ones it distrusts.

    python benchmarks/contamination.py DATA --cache CACHE --images 100,200,0 --noise 0,0.1,0.2

DATA holds one folder per set in the MVTec AD layout. For each draw so many good training images are taken at random, 0
for all of them, and `--noise` times as many defective images from the test part. The bank is left out, as it has no say
here. A row tells in how many draws contamination was found, and, in the mean over these, how many images were
distrusted, which share of them is defective, and which share of the defective ones that is.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from noisy_sets import set_arguments, training_set
from patchsieve.detectors import AdaptiveSieve
from patchsieve.features import Embeddings, embed_cached
from patchsieve.images import ImageSet, read_images


@dataclass(frozen=True)
class Found:
    """What one draw gave: numbers of images."""

    distrusted: int
    rightly: int
    defective: int


def main() -> None:
    arguments = parse()
    print("| set | good images | noise | found in | distrusted | of them defective | of the defective |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.sets:
        images = read_images(arguments.data / name)
        extractor = AdaptiveSieve(backbone=arguments.backbone).make_extractor()
        embeddings = embed_cached(extractor, images, arguments.cache)
        for count in arguments.images:
            for noise in arguments.noise:
                draws = [judged(images, embeddings, count, noise, seed) for seed in range(arguments.draws)]
                print(f"| {name} | {count or 'all'} | {noise:.0%} | {row(draws)} |", flush=True)


def parse() -> argparse.Namespace:
    parser = set_arguments(__doc__, ["magnetic_tile", "elpv_poly"])
    parser.add_argument("--images", type=lambda text: [int(one) for one in text.split(",")], default=[0])
    parser.add_argument(
        "--noise", type=lambda text: [float(one) for one in text.split(",")], default=[0.0, 0.1, 0.2]
    )
    parser.add_argument("--draws", type=int, default=5)
    return parser.parse_args()


def judged(images: ImageSet, embeddings: Embeddings, count: int, noise: float, seed: int) -> Found:
    good = [record.name for record in images.train]
    drawn = set(np.random.default_rng([seed, count]).permutation(good)[: count or None].tolist())
    part = images.where(lambda record: record.split != "train" or record.name in drawn)
    features, defective = training_set(part, embeddings, noise, seed)
    model = AdaptiveSieve(seed=seed, bank_size=2)
    model.learn(features)
    distrusted = model.distrusted_.numpy()
    return Found(len(distrusted), int(defective[distrusted].sum()), int(defective.sum()))


def row(draws: list[Found]) -> str:
    found = [one for one in draws if one.distrusted]
    cells = [f"{len(found)} of {len(draws)}"]
    if not found:
        return " | ".join([*cells, "-", "-", "-"])
    distrusted, rightly, defective = np.mean(
        [(one.distrusted, one.rightly, one.defective) for one in found], axis=0
    )
    share = f"{rightly / defective:.0%}" if defective else "-"
    return " | ".join([*cells, f"{distrusted:.1f}", f"{rightly / distrusted:.0%}", share])


if __name__ == "__main__":
    main()
