"""What extraction says of whole images: figures of appearance, by every way to the same, and pooled features."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from patchsieve.features import FeatureExtractor, PatchFeatures, embed_cached, pooled
from patchsieve.images import ImageSet, decode, measure_appearance

Folder = Callable[[int], ImageSet]


def test_extraction_measures_where_asked(extractor: FeatureExtractor, folder: Folder) -> None:
    images = folder(5)
    expected = np.array([measure_appearance(decode(record)) for record in images])
    embeddings = extractor.embed(images)
    np.testing.assert_array_equal(embeddings.appearance, expected)
    np.testing.assert_array_equal(embeddings.take([3, 1]).appearance, expected[[3, 1]])
    assert all(batch.appearance is None for batch in extractor.batches(images))


def test_a_cache_keeps_figures_and_measures_what_it_lacks(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(4)
    expected = extractor.embed(images).appearance
    for _ in range(2):
        np.testing.assert_array_equal(
            embed_cached(extractor, images, tmp_path / "cache").appearance, expected
        )
    (index,) = (tmp_path / "cache").glob("*/index.sqlite")
    with closing(sqlite3.connect(index)) as database:
        assert database.execute("SELECT COUNT(*) FROM appearance").fetchone() == (4,)
        # As a cache of before there were any, and one that other figures were measured for.
        database.execute("DELETE FROM appearance WHERE rowid > 2")
        database.execute("UPDATE appearance SET figures = '{\"shine\": 1}' WHERE rowid = 1")
        database.commit()
    np.testing.assert_array_equal(embed_cached(extractor, images, tmp_path / "cache").appearance, expected)


def test_an_image_that_broke_after_it_was_cached_has_no_figures(
    extractor: FeatureExtractor, folder: Folder, tmp_path: Path
) -> None:
    images = folder(3)
    embed_cached(extractor, images, tmp_path / "cache")
    (index,) = (tmp_path / "cache").glob("*/index.sqlite")
    record = images[1]
    broken = record.path.read_bytes()[:100]
    record.path.write_bytes(broken)
    # Its features are said to be known, as if it had broken only just now.
    with closing(sqlite3.connect(index)) as database:
        database.execute("DELETE FROM appearance")
        old = {row[0] for row in database.execute("SELECT sha256 FROM images")}
        whole = {hashlib.sha256(images[other].path.read_bytes()).hexdigest() for other in (0, 2)}
        (gone,) = old - whole
        database.execute(
            "UPDATE images SET sha256 = ? WHERE sha256 = ?", (hashlib.sha256(broken).hexdigest(), gone)
        )
        database.commit()
    found = embed_cached(extractor, images, tmp_path / "cache").appearance
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False]


def test_pooled_features_are_means_in_half_precision() -> None:
    features = torch.randn(37, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = pooled(PatchFeatures(features))
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), features.mean(dim=(1, 2)), atol=1e-3, rtol=1e-3)
    assert torch.isfinite(pooled(PatchFeatures(torch.full((1, 2, 2, 3), 1e6)))).all()
