"""One cell, run: noise into the training images, a detector fitted, its figures taken."""

import glob
import hashlib
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt

from patchsieve.decisions import Result
from patchsieve.detectors import Detector, make_detector
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.evaluation.bench.cells import Cell, CellResult, System
from patchsieve.evaluation.bench.figures import figures
from patchsieve.evaluation.bench.plan import Category
from patchsieve.features import EXTRACTION_SETTINGS, Embeddings, FeatureExtractor, embed_cached
from patchsieve.images import (
    ImageRecord,
    ImageSet,
    Manifest,
    Mask,
    TooFew,
    apply_manifest,
    content_hash,
    decode_mask,
    distinct,
    inject_noise,
    read_images,
    split_images,
)
from patchsieve.progress import SILENT, Progress

# Images that the time of embedding is measured on, after as many to warm up.
_TIMED_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Running:
    """How cells are run.

    Attributes:
        cache: folder that keeps the embeddings; None where nothing is to be kept.
        manifests: folder that the manifest of each noisy set is written to.
        given: folder of manifests to follow instead of drawing; None to draw.
        calibrate: look for a threshold and score the training images out of sample; takes longer than the rest.
        too_few: what to do where there are not enough defective images for a rate; see `inject_noise`.
        test_share: share of the good images that is kept for judging where a set comes without a split.
    """

    cache: Path | None
    manifests: Path
    given: Path | None = None
    calibrate: bool = True
    too_few: TooFew = "refuse"
    test_share: float = 0.25


def labelled_images(category: Category, running: Running) -> ImageSet:
    """Return a category's images with a split: those of the test part that have a label, and all to learn from.

    Raises:
        ImagesError: there is nothing to judge by.
    """
    found = read_images(category.folder, category.layout)
    if all(record.split is None for record in found):
        # Copies first: of two in different parts, one would be judged by itself.
        return split_images(distinct(found), running.test_share, seed=0)
    kept = found.where(lambda record: record.split == "train" or record.defective is not None)
    if not kept.where(lambda record: record.split == "test"):
        raise ImagesError(
            f"{found.root} (layout {found.layout}) has no labelled test images to judge by: put them into folders "
            "such as test/good and test/defect"
        )
    return kept


def content_of(category: Category, running: Running) -> str:
    """Return a hash of all that a category's cells depend on beside their own settings.

    Raises:
        ImagesError: there is nothing to judge by.
    """
    digest = hashlib.sha256(running.too_few.encode())
    for record in labelled_images(category, running):
        # A file that cannot be read is left out of every cell; once it can be, they are others.
        with suppress(BrokenImageError):
            digest.update(content_hash(record).encode())
        digest.update(json.dumps([record.name, record.split, record.defective]).encode())
        if record.mask is not None:
            with suppress(OSError):
                files = sorted(record.mask.iterdir()) if record.mask.is_dir() else [record.mask]
                digest.update(b"".join(path.read_bytes() for path in files))
    if running.given is not None:
        for path in sorted(
            running.given.glob(f"{glob.escape(_stem(category.dataset, category.name))}-noise*.json")
        ):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def extraction_of(system: System) -> str:
    """Return, as text, what decides about the features that a system learns from: systems with equal ones share.

    Raises:
        ConfigError: its settings cannot work.
    """
    model = make_detector(system.detector, system.settings)
    chosen = {field.name: getattr(model, field.name) for field in fields(model)}
    if type(model).make_extractor is Detector.make_extractor:
        chosen = {name: value for name, value in chosen.items() if name in EXTRACTION_SETTINGS}
    else:
        chosen["detector"] = system.detector
    return json.dumps(chosen, sort_keys=True, default=str)


@dataclass(frozen=True)
class Prepared:
    """A category with its features by one way of extracting them; serves all cells that share both.

    Attributes:
        images: with their split, before any noise.
        embeddings: of all these images that could be decoded.
        masks: of the test images, in the model frame, by name; None where a defective image has none that fits.
        embed_ms: milliseconds that decoding and embedding an image takes.
    """

    images: ImageSet
    embeddings: Embeddings
    masks: dict[str, Mask | None]
    embed_ms: float

    def embedded(self, images: ImageSet, running: Running) -> Embeddings:
        """Return the embeddings of some images, those of images that augmentation made among them."""
        extractor = self.embeddings.extractor
        augmented = images.where(lambda record: bool(record.augmentations))
        if augmented and not self.embeddings.features.resident_bytes:
            return embed_cached(extractor, images, running.cache)
        found = _taken(self.embeddings, images)
        if augmented:
            found = _taken(found.joined(embed_cached(extractor, augmented, running.cache)), images)
        return found


def _taken(embeddings: Embeddings, images: ImageSet) -> Embeddings:
    """Return those of the embeddings that are of these images, in the images' order."""
    return embeddings.take(_rows(embeddings.images, images))


def _rows(there: ImageSet, wanted: ImageSet) -> list[int]:
    """Return where those of the wanted images stand that are there, in the wanted order."""
    rows = {name: row for row, name in enumerate(there.names)}
    return [rows[name] for name in wanted.names if name in rows]


def prepare(category: Category, system: System, running: Running, progress: Progress = SILENT) -> Prepared:
    """Read and embed a category; what the cache holds is not embedded again.

    Raises:
        PatchSieveError: the images, the settings or the backbone cannot be used.
    """
    images = labelled_images(category, running)
    model = make_detector(system.detector, system.settings)
    extractor = model.make_extractor(images.train)
    embeddings = embed_cached(extractor, images, running.cache, progress=progress)
    if model.budget(extractor.device).keeps(embeddings.features.nbytes):
        embeddings = replace(embeddings, features=embeddings.features.in_memory())
    masks = {
        record.name: _framed_mask(record, extractor) for record in embeddings.images if record.split == "test"
    }
    return Prepared(images, embeddings, masks, _embed_ms(embeddings))


@dataclass(frozen=True)
class Fitted:
    """A cell's detector with what it learnt from and what it says of the test images.

    Attributes:
        images: in the cell's condition.
        model: fitted on `training`; to rank only, or with a threshold.
        training: the training images' features, noise among them.
        test: the test images' features.
        result: of the test images.
        fit_seconds: time to fit, features at hand.
        score_ms: milliseconds to score an image, features at hand.
    """

    images: ImageSet
    model: Detector
    training: Embeddings
    test: Embeddings
    result: Result
    fit_seconds: float
    score_ms: float

    @property
    def noise(self) -> npt.NDArray[np.bool_]:
        """True for the training images that are defective, bool `[M]`."""
        return np.array([bool(record.defective) for record in self.training.images])

    def serves(self, images: ImageSet) -> bool:
        """Say whether from these images the same would be learnt, and judged by no others."""
        return self.images.train.records == images.train.records and set(images.test.names) <= set(
            self.images.test.names
        )

    def on(self, images: ImageSet) -> "Fitted":
        """Return the same for images that it serves, which have fewer to test."""
        rows = _rows(self.test.images, images.test)
        return replace(self, images=images, test=self.test.take(rows), result=self.result.take(rows))


def fit_cell(cell: Cell, prepared: Prepared, running: Running, earlier: Fitted | None = None) -> Fitted:
    """Fit a cell's detector and score the test images.

    Args:
        cell: what is fitted, and in which condition.
        prepared: the category's features.
        running: how cells are run.
        earlier: of a cell that differs in its overlap alone; what it learnt is not learnt again where both learn from
            the same images, as they do with overlap and without.

    Raises:
        PatchSieveError: the condition or the settings cannot be met.
    """
    noisy = _noisy(prepared.images, cell, running)
    if earlier is not None and earlier.serves(noisy):
        return earlier.on(noisy)
    training = prepared.embedded(distinct(noisy.train), running)
    test = prepared.embedded(noisy.test, running)
    seeded = {**cell.system.settings, "seed": cell.condition.seed}
    model = make_detector(cell.system.detector, seeded)
    started = perf_counter()
    if running.calibrate:
        model.fit(training)
    else:
        model.fit_ranking(training)
    fitted = perf_counter()
    result = model.predict(test)
    score_ms = 1000 * (perf_counter() - fitted) / len(test)
    return Fitted(noisy, model, training, test, result, fitted - started, score_ms)


def judge(cell: Cell, fitted: Fitted, prepared: Prepared, running: Running) -> CellResult:
    """Take the figures of a cell whose detector is fitted.

    Raises:
        PatchSieveError: the model cannot be saved to measure its file.
    """
    result, noise = fitted.result, fitted.noise
    labels = np.array([bool(record.defective) for record in result.images])
    scores = fitted.model.training_.scores if running.calibrate else None
    found = figures(
        labels,
        result.scores,
        result.threshold if running.calibrate else None,
        list(result.maps),
        [prepared.masks[name] for name in result.images.names],
        noise if scores is not None else None,
        scores,
    )
    timed = {"fit_seconds": fitted.fit_seconds, "image_ms": prepared.embed_ms + fitted.score_ms}
    size = {"file_mib": _file_mib(fitted.model)} if running.calibrate else {}
    return CellResult(
        cell=cell,
        metrics={**found, **timed, **size},
        names=result.images.names,
        labels=labels,
        scores=result.scores,
        training_names=() if scores is None else fitted.training.images.names,
        training_noise=np.empty(0, bool) if scores is None else noise,
        training_scores=np.empty(0, np.float32) if scores is None else scores,
    )


def manifest_path(cell: Cell, running: Running) -> Path | None:
    """Return where the manifest of a cell's noise is written to; None for a clean set."""
    condition = cell.condition
    if not condition.noise:
        return None
    drawn = f"noise{condition.noise:g}-{condition.overlap}-seed{condition.seed}"
    return running.manifests / f"{_stem(cell.dataset, cell.category)}-{drawn}.json"


def _noisy(images: ImageSet, cell: Cell, running: Running) -> ImageSet:
    """Return the images in the cell's condition, and leave a manifest of it behind."""
    condition, path = cell.condition, manifest_path(cell, running)
    if path is None:
        return images
    if running.given is not None:
        manifest = Manifest.read(running.given / path.name)
        noisy = apply_manifest(images, manifest)
    else:
        noisy, manifest = inject_noise(
            images, condition.noise, overlap=condition.overlap, seed=condition.seed, too_few=running.too_few
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest.write(path)
    return noisy


def _stem(dataset: str, category: str) -> str:
    return category if dataset == category else f"{dataset}-{category}"


def _framed_mask(record: ImageRecord, extractor: FeatureExtractor) -> Mask | None:
    if not record.defective:
        return np.zeros(extractor.preprocessing.frame, dtype=bool)
    if record.mask is None:
        return None
    try:
        return extractor.preprocessing.mask(decode_mask(record))
    except BrokenImageError:
        return None


def _embed_ms(embeddings: Embeddings) -> float:
    """Measure, on images of the set, what those that came from the cache no longer tell."""
    some = embeddings.images.with_records(embeddings.images.records[:_TIMED_IMAGES])
    embeddings.extractor.embed(some)
    return 1000 * float(np.mean(embeddings.extractor.embed(some).seconds))


def _file_mib(model: Detector) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.sieve"
        model.save(path)
        return path.stat().st_size / 2**20
