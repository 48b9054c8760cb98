"""Which layers of a backbone tell defects best, judged on training images alone.

    python benchmarks/choose_layers.py DATA --backbone efficientnet_lite0 --layers stage3,stage4,stage5,stage6

From the good *training* images of each set, one half is learnt by PatchCore (10 % greedy coreset), the other half
is scored twice: as it is, and with a drawn defect (a displaced piece of the same surface, a scratch, a stain;
8 to 30 % of the shorter side). Every single layer and every pair and triple is judged by image AUROC and pixel
AUROC, averaged over the sets; the choice is the best mean of both.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from patchsieve.bank import CoresetChoice, MemoryBank
from patchsieve.detectors import PatchCore
from patchsieve.detectors.maps import MapSmoother
from patchsieve.evaluation import image_metrics, pixel_auroc
from patchsieve.features import FeatureExtractor, PatchAggregation
from patchsieve.images import Pixels, decode, read_images

Mask = npt.NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default="magnetic_tile,cookies,elpv_poly")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--layers", default="stage3,stage4,stage5,stage6")
    parser.add_argument("--most", type=int, default=3, help="layers per choice")
    parser.add_argument("--images", type=int, default=120, help="per set, halves learnt and scored")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    layers = tuple(arguments.layers.split(","))
    extractor = PatchCore(backbone=arguments.backbone, layers=layers).make_extractor()
    choices = [c for n in range(1, arguments.most + 1) for c in combinations(range(len(layers)), n)]
    figures = {choice: [] for choice in choices}
    for name in arguments.sets.split(","):
        maps = feature_maps(
            extractor, *split_and_damage(arguments.data / name, arguments.images, arguments.seed)
        )
        for choice in choices:
            figures[choice].append(judge(extractor, choice, *maps))
    print(f"| layers of {arguments.backbone} | image AUROC | pixel AUROC | mean | by set (image, pixel) |")
    print("| --- | --- | --- | --- | --- |")
    for choice, rows in sorted(figures.items(), key=lambda item: -np.mean(item[1])):
        image, pixel = np.mean(rows, axis=0)
        by_set = "; ".join(f"{a:.3f}, {b:.3f}" for a, b in rows)
        chosen = " + ".join(layers[index] for index in choice)
        print(f"| {chosen} | {image:.3f} | {pixel:.3f} | {(image + pixel) / 2:.3f} | {by_set} |")


def split_and_damage(
    folder: Path, most: int, seed: int
) -> tuple[list[Pixels], list[Pixels], list[Pixels], list[Mask]]:
    """Return images to learn, images to score, the same damaged, and where."""
    rng = np.random.default_rng(seed)
    train = read_images(folder).train
    chosen = [decode(train[int(index)]) for index in rng.permutation(len(train))[:most]]
    learn, score = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
    # Where there are few images, each is damaged in several ways.
    score = score * max(1, 40 // len(score))
    damaged, masks = zip(*(damage(pixels, rng) for pixels in score), strict=True)
    return learn, score, list(damaged), list(masks)


def damage(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Mask]:
    image = pixels.astype(np.float64)
    height, width = image.shape[:2]
    side = int(min(height, width) * rng.uniform(0.08, 0.3)) + 2
    top, left = (
        int(rng.integers(edge // 6, max(edge // 6 + 1, edge - edge // 6 - side))) for edge in (height, width)
    )
    rows, columns = np.mgrid[:height, :width]
    kind = rng.integers(3)
    if kind == 0:
        above, before = (int(rng.integers(0, edge - side)) for edge in (height, width))
        piece = image[above : above + side, before : before + side] * rng.uniform(0.7, 1.3)
        image[top : top + side, left : left + side] = piece[: height - top, : width - left]
    else:
        shape = (
            scratch(rows, columns, top, left, side, rng)
            if kind == 1
            else stain(rows, columns, top, left, side, rng)
        )
        image += (shape * rng.choice([-1, 1]) * rng.uniform(45, 115))[..., None]
    changed = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return changed, (np.abs(changed.astype(int) - pixels) > 6).any(axis=2)


def scratch(rows, columns, top, left, side, rng) -> npt.NDArray[np.float64]:
    angle = rng.uniform(0, np.pi)
    along = (columns - left) * np.cos(angle) + (rows - top) * np.sin(angle)
    across = (rows - top) * np.cos(angle) - (columns - left) * np.sin(angle)
    return np.exp(-((across / (1 + 0.08 * side)) ** 2)) * (np.abs(along) < side)


def stain(rows, columns, top, left, side, rng) -> npt.NDArray[np.float64]:
    cloud = ndimage.gaussian_filter(rng.normal(size=rows.shape), side / 4)
    near = np.exp(-(((columns - left) ** 2 + (rows - top) ** 2) / (side / 1.5) ** 2))
    return ndimage.gaussian_filter(near * (cloud > 0), 0.7)


def feature_maps(extractor: FeatureExtractor, learn, score, damaged, masks):
    """Return the layers' maps of all three groups of images, and the masks in the model frame."""

    @torch.inference_mode()
    def run(images: list[Pixels]) -> list[torch.Tensor]:
        tensors = torch.stack([extractor.preprocessing(pixels) for pixels in images])
        batches = [extractor.backbone(batch) for batch in torch.split(tensors, extractor.batch_size)]
        return [torch.cat(layer) for layer in zip(*batches, strict=True)]

    framed = [extractor.preprocessing.mask(mask) for mask in masks]
    return run(learn), run(score), run(damaged), framed


@torch.inference_mode()
def judge(
    extractor: FeatureExtractor, choice: tuple[int, ...], learn, score, damaged, masks
) -> tuple[float, float]:
    """Return image and pixel AUROC of one choice of layers on one set."""
    aggregate = PatchAggregation()
    learnt, good, bad = (aggregate([group[index] for index in choice]) for group in (learn, score, damaged))
    bank = MemoryBank.build(learnt, CoresetChoice())
    smooth = MapSmoother(tuple(learnt.shape[1:3]), extractor.preprocessing.frame, sigma=4.0)
    scores, maps = [], []
    for features in (good, bad):
        patches = bank.index.search(features.flatten(0, 2))[0].view(features.shape[:3])
        scores.append(patches.flatten(1).amax(dim=1).numpy())
        maps.extend(smooth(patches).numpy())
    labels = np.repeat([0, 1], [len(good), len(bad)])
    nothing = [np.zeros(extractor.preprocessing.frame, dtype=bool)] * len(good)
    image = image_metrics(labels, np.concatenate(scores), threshold=0.0).auroc
    pixel = pixel_auroc(maps, [*nothing, *masks])
    return float(image or 0.0), float(pixel or 0.0)


if __name__ == "__main__":
    main()
