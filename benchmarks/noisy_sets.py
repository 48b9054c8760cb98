"""What benchmarks of training sets share: their arguments, and the sets that are drawn."""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.images import ImageSet, distinct, inject_noise


def set_arguments(description: str | None, sets: list[str]) -> argparse.ArgumentParser:
    """Return a parser of where sets lie, which ones, the cache and the backbone."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings; default none")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=sets)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    return parser


def training_set(
    images: ImageSet, embeddings: Embeddings, noise: float, seed: int
) -> tuple[PatchFeatures, npt.NDArray[np.bool_]]:
    """Return the features of one draw of the training set, and which of its images are defective."""
    noisy, _ = inject_noise(images, noise, overlap="none", seed=seed)
    train = distinct(noisy.train)
    rows = {embedded: row for row, embedded in enumerate(embeddings.images.names)}
    features = embeddings.features.take(np.array([rows[one] for one in train.names])).in_memory()
    return features, np.array([bool(record.defective) for record in train])
