"""Evidence against its slow twin: all distances, one by one."""

import numpy as np
import torch

from patchsieve import PatchCore
from patchsieve.detectors import PaDiM
from patchsieve.detectors.evidence import evidence


def test_the_neighbours_are_the_nearest_bank_patches_of_other_images(fitted):
    worst = [int(index) for index in fitted.training_.unmarked()[:4]]
    found = evidence(fitted, worst, neighbours=4)
    assert list(found) == worst
    images = fitted.training_.images
    for index in worst:
        each = found[index]
        maps = fitted.training_.patch_maps[index]
        assert maps[each.cell] == maps.max()
        assert each.grid == tuple(maps.shape)
        (features,) = fitted.extractor_.embed(images.with_records([images[index]])).features.tensor()
        patch = features[each.cell]
        best = {}
        for vector, (image, row, column) in zip(
            fitted.bank_.features, fitted.bank_.origins.tolist(), strict=True
        ):
            distance = float(torch.dist(vector, patch))
            if image != index and distance < best.get(image, (np.inf,))[0]:
                best[image] = (distance, (row, column))
        nearest = sorted(best.items(), key=lambda item: item[1][0])[:4]
        assert [neighbour.image for neighbour in each.neighbours] == [image for image, _ in nearest]
        assert [neighbour.cell for neighbour in each.neighbours] == [cell for _, (_, cell) in nearest]
        np.testing.assert_allclose(
            [neighbour.distance for neighbour in each.neighbours],
            [distance for _, (distance, _) in nearest],
            rtol=1e-4,
        )


def test_a_detector_without_a_bank_shows_the_same_place_in_calm_images(synthetic):
    model = PaDiM(channels=8).fit(synthetic(12))
    order = [int(index) for index in np.argsort(model.training_.scores, kind="stable")]
    found = evidence(model, [order[-1], order[0]])
    assert [neighbour.image for neighbour in found[order[-1]].neighbours] == order[:3]
    assert [neighbour.image for neighbour in found[order[0]].neighbours] == order[1:4]
    for each in found.values():
        assert all(neighbour.cell == each.cell for neighbour in each.neighbours)
        assert all(neighbour.distance is None for neighbour in each.neighbours)


def test_an_image_that_is_gone_has_no_evidence(parts, tmp_path):
    folder = parts(tmp_path / "line", 8, 2)
    model = PatchCore(image_size=64, crop=None, folds=2).fit(str(folder))
    (folder / "part_08.png").unlink()
    place = {name: index for index, name in enumerate(model.training_.images.names)}
    assert list(evidence(model, [place["part_08.png"], place["part_09.png"]])) == [place["part_09.png"]]
