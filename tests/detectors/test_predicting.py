"""Results: scores and maps in their places, peaks in the pixels of the image, files and embeddings alike."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patchsieve.detectors import PatchCore, SoftPatch
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.features import Embeddings
from patchsieve.images import Skipped, read_images

Synthetic = Callable[..., Embeddings]
Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def fitted(synthetic: Synthetic) -> PatchCore:
    return PatchCore(batch_size=4, sigma=0.0).fit(synthetic(15))


def test_a_result_has_one_of_everything_for_each_image(fitted: PatchCore, synthetic: Synthetic) -> None:
    result = fitted.predict(synthetic(10, seed=1))
    assert len(result) == 10
    assert result.images.names == tuple(f"{index:03}.png" for index in range(10))
    assert result.scores.dtype == np.float32
    assert result.maps.dtype == np.float32
    assert result.maps.shape == (10, 64, 64)
    assert result.peaks.shape == (10, 2)
    assert result.boxes.tolist() == [[0, 0, 90, 60]] * 10
    assert (result.seconds > 0).all()
    assert result.threshold == fitted.threshold_
    assert result.verdicts == tuple(
        "defect" if score > fitted.threshold_ else "good" for score in result.scores
    )


def test_scores_do_not_depend_on_the_batch(fitted: PatchCore, synthetic: Synthetic) -> None:
    test = synthetic(10, seed=1)
    image_scores, _ = fitted.score(test.features.tensor())
    np.testing.assert_allclose(fitted.predict(test).scores, image_scores, rtol=1e-6)
    assert [len(part) for part in fitted.iter_predict(test)] == [4, 4, 2]


def test_images_are_ranked_by_falling_score(fitted: PatchCore, synthetic: Synthetic) -> None:
    test = synthetic(6, seed=1)
    test.features.tensor()[4] += 9
    test.features.tensor()[1] += 5
    assert fitted.predict(test).ranked()[:2].tolist() == [4, 1]


@pytest.mark.parametrize("hot", [(0, 0), (3, 4), (1, 3), (2, 0)])
def test_a_peak_lies_in_the_patch_that_stands_out(
    hot: tuple[int, int], fitted: PatchCore, synthetic: Synthetic
) -> None:
    """4 x 5 patches over 60 x 90 pixels: each is 15 high and 18 wide."""
    test = synthetic(3, seed=1)
    test.features.tensor()[1][hot] += 30
    x, y = fitted.predict(test).peaks[1]
    assert hot[0] * 15 <= y < (hot[0] + 1) * 15
    assert hot[1] * 18 <= x < (hot[1] + 1) * 18


def test_a_peak_is_the_pixel_at_which_the_map_is_highest(fitted: PatchCore, synthetic: Synthetic) -> None:
    result = fitted.predict(synthetic(12, seed=2))
    for anomaly_map, (x, y) in zip(result.maps, result.peaks, strict=True):
        row, column = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
        assert (x, y) == (int((column + 0.5) * 90 / 64), int((row + 0.5) * 60 / 64))


@pytest.mark.parametrize("size", [(320, 128), (128, 260), (192, 192)])
@pytest.mark.parametrize("crop", [None, 112])
def test_peaks_find_a_mark_on_photographs_of_any_shape(
    size: tuple[int, int], crop: int | None, photographs: Photographs
) -> None:
    width, height = size
    side = 24
    # Off the centre to both sides, so that swapped axes and a forgotten crop show.
    marked = {0: (int(0.7 * width), int(0.25 * height)), 1: (int(0.2 * width), int(0.6 * height))}
    train = photographs("train", 8, size=size)
    test = photographs("test", 3, size=size, marked=marked, side=side, seed=1)
    # A fine grid, since this is about where a peak is put, not about the best layers.
    model = PatchCore(layers=("stage3",), image_size=128, crop=crop, device="cpu", coreset_ratio=0.3).fit(
        train
    )
    result = model.predict(test)
    for index, (left, top) in marked.items():
        x, y = result.peaks[index]
        assert abs(x - (left + side / 2)) <= 0.75 * side
        assert abs(y - (top + side / 2)) <= 0.75 * side
        assert result.scores[index] > result.scores[2]
    edge = 0 if crop is None else 1 / 16
    expected = [edge * width, edge * height, (1 - edge) * width, (1 - edge) * height]
    np.testing.assert_allclose(result.boxes, [expected] * 3)


def test_files_and_their_embeddings_score_alike(photographs: Photographs) -> None:
    model = SoftPatch(image_size=64, crop=None, device="cpu", batch_size=4, lof_k=3).fit(photographs("a", 8))
    test = read_images(photographs("b", 6, marked={2: (30, 20)}, seed=1))
    by_files, by_embeddings = model.predict(test), model.predict(model.extractor_.embed(test))
    np.testing.assert_array_equal(by_files.scores, by_embeddings.scores)
    np.testing.assert_array_equal(by_files.maps, by_embeddings.maps)
    np.testing.assert_array_equal(by_files.peaks, by_embeddings.peaks)
    assert by_files.ranked()[0] == 2


def test_many_images_side_by_side_score_as_each_alone(photographs: Photographs) -> None:
    model = SoftPatch(image_size=64, crop=None, device="cpu", batch_size=1, lof_k=3).fit(photographs("a", 8))
    test = read_images(photographs("b", 6, marked={2: (30, 20)}, seed=1))
    together = model.predict(test)
    alone = [model.predict(test.with_records([record])) for record in test]
    assert together.images.names == test.names
    np.testing.assert_allclose(together.scores, np.concatenate([one.scores for one in alone]), rtol=1e-4)
    np.testing.assert_array_equal(together.peaks, np.concatenate([one.peaks for one in alone]))


def test_broken_images_are_skipped_by_name_wherever_they_stand(photographs: Photographs) -> None:
    model = PatchCore(image_size=64, crop=None, device="cpu", batch_size=2).fit(photographs("a", 6))
    folder = photographs("b", 5, seed=1)
    for broken in ("00.png", "02.png", "03.png"):
        (folder / broken).write_bytes(b"no picture")
    result = model.predict(folder)
    assert result.images.names == ("01.png", "04.png")
    assert result.scores.shape == (2,)
    assert len(result.maps) == len(result.peaks) == 2
    named = {skip.name for skip in (*result.skipped, *read_images(folder).skipped)}
    assert named == {"00.png", "02.png", "03.png"}
    with pytest.raises(BrokenImageError):
        model.predict(folder, strict=True)


def test_images_skipped_in_embedding_are_named_once(fitted: PatchCore, synthetic: Synthetic) -> None:
    skipped = (Skipped("broken.png", "truncated"),)
    assert fitted.predict(replace(synthetic(10), skipped=skipped)).skipped == skipped


def test_nothing_to_score_is_said(fitted: PatchCore, synthetic: Synthetic, tmp_path: Path) -> None:
    empty = read_images([np.zeros((4, 4, 3), dtype=np.uint8)]).with_records([])
    with pytest.raises(ImagesError, match="no images"):
        fitted.predict(empty)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"cut")
    with pytest.raises(ImagesError, match=r"none of the images could be decoded; the first: a\.png"):
        fitted.predict(tmp_path)
    with pytest.raises(ImagesError, match="no images"):
        fitted.predict(synthetic(3).take([]))
