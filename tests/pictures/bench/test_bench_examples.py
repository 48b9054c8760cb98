"""Pictures of one fitted model, from a small task that was really learnt."""

from dataclasses import replace

import pytest

from patchsieve import read_images
from patchsieve.pictures import colour_scale
from patchsieve.pictures.bench import examples
from patchsieve.pictures.bench.examples import noise_gallery, top_figure

NOISY = [f"part_{index:02}.png" for index in range(24, 28)]


@pytest.fixture(scope="module")
def judged(fitted, labelled):
    return fitted.predict(read_images(labelled).test)


@pytest.fixture(scope="module")
def figures(fitted, unsorted, judged):
    training = fitted.embed(str(unsorted))
    # The features of the training images stand in for those of a test set: what they are of does not matter here.
    return {
        figure.name: figure
        for figure in examples(
            fitted, training, NOISY, judged, training, title="line 7", name="line7", methods=["pca"]
        )
    }


def test_all_that_can_be_drawn_of_a_cell(figures):
    assert list(figures) == ["bank-line7-pca", "split-line7-pca", "top-line7", "noise-images-line7"]
    assert all("line 7" in figure.title for figure in figures.values())


def test_every_patch_is_in_the_bank_or_not_and_from_noise_or_not(figures, fitted):
    images, height, width = fitted.training_.patch_maps.shape
    kinds = [row[3] for row in figures["bank-line7-pca"].table.rows]
    origins = fitted.bank_.origins.numpy()
    if len(kinds) == images * height * width:
        assert sum("in the bank" in kind and "not in" not in kind for kind in kinds) == len(origins)
        assert sum("noise" in kind for kind in kinds) == len(NOISY) * height * width
    noise_in_bank = int((origins[:, 0] >= 24).sum())
    assert f"of {noise_in_bank:,} from noise images, in the bank" in figures["bank-line7-pca"].alt


def test_the_highest_scores_stand_first_with_what_is_known_of_them(figures, judged, words):
    figure = figures["top-line7"]
    best = judged.ranked()[:6]
    assert [row[1] for row in figure.table.rows] == [judged.images[int(index)].name for index in best]
    assert [row[2] for row in figure.table.rows] == [float(judged.scores[index]) for index in best]
    seen = words(figure.svg)
    for word in ("input", "anomaly map", "mask (truth)", "overlay"):
        assert seen.count(word) == 6
    assert any("defective, found" in text for text in seen)


def test_the_noise_is_shown_by_name(figures, words):
    figure = figures["noise-images-line7"]
    assert [row[0] for row in figure.table.rows] == NOISY
    assert set(NOISY) <= set(words(figure.svg))
    assert "All 4 defective images" in figure.caption


def test_images_that_are_gone_are_left_out(judged, fitted, tmp_path):
    records = [replace(record, path=tmp_path / "gone.png") for record in judged.images]
    gone = replace(judged, images=judged.images.with_records(records))
    assert top_figure(gone, colour_scale(fitted), title="t", name="n") is None
    assert noise_gallery(records, title="t", name="n") is None
    one_left = [*records[:2], *list(judged.images)[2:3]]
    assert "The first 1 of 3" in noise_gallery(one_left, title="t", name="n").caption


def test_masks_are_outlined_in_the_gallery(labelled):
    defective = [record for record in read_images(labelled).test if record.defective]
    with_mask = noise_gallery(defective[:1], title="t", name="n")
    without = noise_gallery([replace(defective[0], mask=None)], title="t", name="n")
    assert with_mask.png != without.png
    assert [row[2] for row in (*with_mask.table.rows, *without.table.rows)] == ["yes", "no"]
