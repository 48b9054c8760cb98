"""Fitting with the workers of a cluster."""

from dataclasses import replace
from typing import Any, TypeVar

from patchsieve.detectors import Detector
from patchsieve.features import FeatureExtractor
from patchsieve.images import distinct, read_images
from patchsieve.progress import SILENT, Progress
from patchsieve.scaleout.embedding import embed
from patchsieve.scaleout.hashing import hashed

Fitted = TypeVar("Fitted", bound=Detector)


def fit_on_cluster(
    detector: Fitted,
    images: Any,
    *,
    strict: bool = False,
    progress: Progress = SILENT,
    dtype: str = "float32",
    extractor: FeatureExtractor | None = None,
) -> Fitted:
    """Fit a detector like `Detector.fit`, with the workers of the cluster that this process is connected to.

    The workers embed the images, score outliers by blocks of positions, hold the candidates of the coreset, and score
    images out of sample; this process makes the picks and keeps the bank. The model is the one that one machine
    learns, to the last bit where the workers' processors compute alike. Where one machine's memory would make it
    choose the bank shard by shard, this choice is the exact one.

    Args:
        detector: unfitted.
        images: as `Detector.fit` takes them, but not `Embeddings`; workers find the files under the same paths.
        strict: raise at an image that cannot be decoded instead of skipping it.
        progress: shown the stages of the work.
        dtype: how features are kept meanwhile: ``float32``, or ``float16`` in half the space.
        extractor: what `make_extractor` gave, where it is there already.

    Raises:
        PatchSieveError: the images or the configuration cannot be used.
    """
    detector.check()
    found = read_images(images).train
    hashes = hashed(found)
    chosen = distinct(found, hashes)
    extractor = extractor or detector.make_extractor(chosen)
    embeddings = embed(extractor, chosen, dtype=dtype, strict=strict, progress=progress)
    known = dict(zip(found.names, hashes, strict=True))
    of_embedded = [known[name] for name in embeddings.images.names]
    if None not in of_embedded:
        embeddings = replace(embeddings, hashes=tuple(map(str, of_embedded)))
    detector.fit(embeddings, progress=progress)
    return detector
