"""Whether parts lie alike in every image, and what detectors that learn position by position make of it.

    python benchmarks/alignment.py DATA --cache CACHE --sets magnetic_tile,elpv_poly,cookies

DATA holds one folder per set in the MVTec AD layout; detectors learn from the good training images alone. Printed are

between positions: the share of the features' variance that is between the mean features of positions; 0 where every
  place of the image looks the same on average, high where the parts are aligned.
image AUROC: as it is; and after the patches of each training image were shuffled over its positions, so that only the
  same statistics of all patches are left to learn at each.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from patchsieve.detectors import make_detector
from patchsieve.evaluation import rank_images
from patchsieve.evaluation.bench import System, named_systems
from patchsieve.features import PatchFeatures, embed_cached
from patchsieve.images import ImageSet, read_images


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings; default none")
    parser.add_argument(
        "--sets", type=lambda text: text.split(","), default=["magnetic_tile", "elpv_poly", "cookies"]
    )
    parser.add_argument(
        "--detectors", type=lambda text: text.split(","), default=["padim", "softpatch-gaussian"]
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| set | detector | between positions | image AUROC | shuffled |")
    print("| --- " * 5 + "|")
    for name in arguments.sets:
        images = read_images(arguments.data / name)
        for detector in arguments.detectors:
            cells = [f"{value:.3f}" for value in figures(images, named_systems()[detector], arguments)]
            print(f"| {name} | {detector} | {' | '.join(cells)} |", flush=True)


def figures(images: ImageSet, system: System, arguments: argparse.Namespace) -> list[float]:
    """Return the share of variance between positions, the image AUROC, and that of shuffled patches."""
    extractor = make_detector(system.detector, system.settings).make_extractor()
    train, test = (embed_cached(extractor, part, arguments.cache) for part in (images.train, images.test))
    features = train.features.tensor()
    found = [float(features.mean(dim=0).var(dim=(0, 1)).sum() / features.var(dim=(0, 1, 2)).sum())]
    for learnt in (features, shuffled(features, arguments.seed)):
        model = make_detector(system.detector, {**system.settings, "seed": arguments.seed})
        model.learn(PatchFeatures(learnt, layer_channels=train.features.layer_channels))
        scores = [model.score(batch.features.tensor())[0].numpy() for batch in test.batches(16)]
        labels = np.array([bool(record.defective) for record in test.images])
        found.append(float(rank_images(labels, np.concatenate(scores)).auroc or np.nan))
    return found


def shuffled(features: torch.Tensor, seed: int) -> torch.Tensor:
    """Return `[N, H, W, C]` with the patches of each image in an order of its own."""
    count, height, width, channels = features.shape
    generator = torch.Generator().manual_seed(seed)
    patches = features.reshape(count, height * width, channels)
    orders = [torch.randperm(height * width, generator=generator) for _ in range(count)]
    return torch.stack([image[order] for image, order in zip(patches, orders, strict=True)]).view_as(features)


if __name__ == "__main__":
    main()
