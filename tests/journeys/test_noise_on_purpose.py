"""A labelled set with turned copies of its defects among the training images, from manifest to verdicts."""

from pathlib import Path

import numpy as np

from patchsieve import SoftPatch, load, read_images
from patchsieve.evaluation import evaluate
from patchsieve.features import embed_cached
from patchsieve.images import Manifest, apply_manifest, decode, inject_noise

SMALL = {"image_size": 64, "crop": None}


def test_turned_copies_are_learnt_from_and_found(labelled: Path, tmp_path: Path) -> None:
    images = read_images(labelled)
    noisy, manifest = inject_noise(images, 0.2, overlap="rotation", seed=1)
    manifest.write(tmp_path / "noise.json")
    again = apply_manifest(read_images(labelled), Manifest.read(tmp_path / "noise.json"))
    assert again == noisy
    copies = [record.name for record in noisy.train if record.augmentations]
    assert len(copies) == 4
    model = SoftPatch(**SMALL).fit(noisy, cache=tmp_path / "cache")
    assert set(copies) <= set(model.training_.images.names)
    # The two that the set hides in train/good, and the copies.
    assert len(set(copies) & set(model.suspects(top=6).images.names)) >= 3
    assert evaluate(model, noisy).seen == 0
    assert evaluate(model, noisy).image.auroc > 0.9


def test_a_cache_tells_a_copy_from_its_file(labelled: Path, tmp_path: Path) -> None:
    noisy, _ = inject_noise(read_images(labelled), 0.2, overlap="affine", seed=1)
    extractor = SoftPatch(**SMALL).make_extractor()
    cached = embed_cached(extractor, noisy, tmp_path / "cache")
    direct = extractor.embed(noisy)
    assert cached.images.names == direct.images.names == noisy.names
    np.testing.assert_allclose(
        cached.features.in_memory().tensor().cpu(), direct.features.tensor().cpu(), rtol=1e-4, atol=1e-4
    )


def test_a_model_file_does_not_point_from_a_copy_to_its_file(labelled: Path, tmp_path: Path) -> None:
    noisy, _ = inject_noise(read_images(labelled), 0.2, overlap="affine", seed=1)
    SoftPatch(**SMALL).fit(noisy).save(tmp_path / "noisy.sieve")
    for record in load(tmp_path / "noisy.sieve").training_.images:
        assert (record.path is None) == record.name.endswith("+affine")
        assert record.path is None or decode(record).shape == (96, 96, 3)
