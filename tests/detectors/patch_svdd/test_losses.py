"""The losses of Patch SVDD in NumPy, and the pairs that they are taken of."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from patchsieve.detectors.patch_svdd.lessons import PatchNetwork, ViewLessons, views
from patchsieve.detectors.patch_svdd.light import evened
from patchsieve.detectors.patch_svdd.losses import (
    DIRECTIONS,
    NeighbourPairs,
    PositionClassifier,
    svdd_loss,
    volume_loss,
)
from patchsieve.detectors.trained import Schedule, generator, seeded, train
from patchsieve.features import PatchFeatures
from patchsieve.progress import SILENT


def test_the_svdd_loss_is_the_mean_distance_of_near_patches() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 6, 4, 5))
    expected = np.mean(
        [
            np.sqrt(sum((one[b, d, y, x] - other[b, d, y, x]) ** 2 for d in range(6)))
            for b in range(3)
            for y in range(4)
            for x in range(5)
        ]
    )
    assert svdd_loss(torch.from_numpy(one), torch.from_numpy(other)).item() == pytest.approx(expected)


def test_alike_vectors_have_no_loss_and_no_broken_gradient() -> None:
    one = torch.ones(1, 3, 2, 2, requires_grad=True)
    loss = svdd_loss(one, torch.ones(1, 3, 2, 2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert one.grad is not None
    assert torch.isfinite(one.grad).all()


def test_the_position_loss_is_the_cross_entropy_of_the_directions() -> None:
    with seeded(0):
        classifier = PositionClassifier(6).double()
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 3, 6, 20, 22))
    pairs = NeighbourPairs(3, (20, 22), 8, 5, torch.Generator().manual_seed(2))
    found = classifier.loss(torch.from_numpy(one), torch.from_numpy(other), pairs).item()
    weights = {name: value.detach().numpy() for name, value in classifier.layers.state_dict().items()}
    losses = []
    for k in range(15):
        (y1, x1), (y2, x2) = pairs.first[k].tolist(), pairs.second[k].tolist()
        hidden = one[k // 5, :, y1, x1] - other[k // 5, :, y2, x2]
        for layer in (0, 2):
            hidden = weights[f"{layer}.weight"] @ hidden + weights[f"{layer}.bias"]
            hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
        logits = weights["4.weight"] @ hidden + weights["4.bias"]
        losses.append(np.log(np.exp(logits).sum()) - logits[pairs.directions[k]])
    assert found == pytest.approx(np.mean(losses))


@pytest.mark.parametrize(("side", "grid"), [(16, (49, 49)), (32, (33, 33)), (32, (33, 40))])
def test_neighbours_lie_where_they_are_said_to(side: int, grid: tuple[int, int]) -> None:
    pairs = NeighbourPairs(4, grid, side, 500, torch.Generator().manual_seed(0))
    moves = pairs.second - pairs.first
    assert torch.equal(moves.sign(), torch.tensor(DIRECTIONS)[pairs.directions])
    apart = moves.abs()[moves != 0]
    assert (apart.min().item(), apart.max().item()) == (3 * side // 4, side - 1)
    for places in (pairs.first, pairs.second):
        assert (places >= 0).all()
        assert (places < torch.tensor(grid)).all()
    assert pairs.directions.bincount().min() > 180
    assert torch.equal(pairs.images.bincount(), torch.full((4,), 500))
    # All of the image is used, to its last row and column.
    assert set(pairs.first.amax(dim=0).tolist()) == {size - 1 for size in grid}
    assert pairs.first.amin() == 0


def test_views_are_one_place_moved_a_little() -> None:
    """Both are found in the picture as it is in even light, and nowhere else; what is left is the noise."""
    pixels = torch.rand(1, 144, 160, 3, generator=torch.Generator().manual_seed(0))
    picture = evened(pixels.permute(0, 3, 1, 2))
    parts = functional.unfold(picture, 128).view(3, 128, 128, 17 * 33)
    pairs = views(PatchFeatures(pixels), 40, torch.Generator().manual_seed(0))
    places = []
    for views_of_one in pairs:
        assert views_of_one.shape == (40, 3, 128, 128)
        # A few rows are enough to know a place by.
        apart = (views_of_one[:, :, :4, :, None] - parts[:, :4]).square().mean(dim=(1, 2, 3))
        noise, place = apart.min(dim=1)
        assert (noise.sqrt() > 0.03).all()
        assert (noise.sqrt() < 0.12).all()
        places.append(torch.stack([place // 33, place % 33], dim=1))
    moved = places[1] - places[0]
    assert (moved.abs() <= 2).all()
    assert (moved != 0).any(dim=1).all()
    assert len(moved.unique(dim=0)) > 10
    assert (places[0] >= 2).all()
    assert (places[0] <= torch.tensor([144 - 130, 160 - 130])).all()


def test_the_loss_is_that_of_both_sizes_with_lambda() -> None:
    with seeded(0):
        network = PatchNetwork(4)
    pixels = PatchFeatures(torch.rand(3, 144, 144, 3, generator=torch.Generator().manual_seed(0)))
    totals = []
    for weight in (0.0, 1.0, 3.0):
        lessons = ViewLessons(network, pixels, pixels, batch=2, svdd_weight=weight, volume_weight=0, seed=0)
        totals.append(next(iter(lessons.losses(1, generator(0, 0)))).item())
    one, other = views(pixels, 2, generator(0, 0))
    small = [network.encoder.small_patches(view) for view in (one, other)]
    large = [network.encoder.large_patches(maps) for maps in small]
    near = (svdd_loss(*small) + svdd_loss(*large)).item()
    assert totals[1] - totals[0] == pytest.approx(near, rel=1e-3)
    assert totals[2] - totals[0] == pytest.approx(3 * near, rel=1e-3)
    assert totals[0] == pytest.approx(2 * np.log(8), rel=0.2)


def test_the_volume_is_that_of_the_covariance() -> None:
    """By its eigenvalues; vectors on a line have the more of it the farther they leave it, alike ones the least."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(3, 4, 9, 7)) * np.array([0.5, 0.1, 0.01, 1e-5])[:, None, None]
    variances = np.linalg.eigvalsh(np.cov(vectors.transpose(1, 0, 2, 3).reshape(4, -1)))
    found = volume_loss(torch.from_numpy(vectors)).item()
    assert found == pytest.approx(-np.log(variances + 1e-4).mean())
    line = torch.linspace(-1, 1, 63, dtype=torch.float64).view(1, 1, 9, 7).expand(1, 4, 9, 7)
    assert found < volume_loss(line).item() < volume_loss(torch.ones(1, 4, 9, 7, dtype=torch.float64)).item()


@pytest.mark.slow
def test_vectors_stay_apart_where_no_direction_can_be_told() -> None:
    """On grain that is the same everywhere; without the volume the encoder gives all patches the same vector."""
    grain = PatchFeatures(torch.randn(3, 144, 144, 3, generator=torch.Generator().manual_seed(0)))
    deviations = []
    for weight in (0.0, 0.1):
        with seeded(0):
            network = PatchNetwork(8)
        lessons = ViewLessons(network, grain, grain, batch=1, svdd_weight=0.1, volume_weight=weight, seed=0)
        schedule = Schedule(epochs=3, steps=10, learning_rate=1e-3, patience=3, seed=0)
        train(network, lessons, schedule, checkpoint=None, progress=SILENT, title="training")
        with torch.no_grad():
            vectors = network.encoder.small_patches(views(grain, 1, generator(0, 1))[0])
        deviations.append(torch.linalg.eigvalsh(vectors[0].flatten(1).cov()).sqrt())
    assert deviations[0].max() < 0.01
    assert deviations[1].min() > 0.1


def test_a_network_sees_something_before_it_is_trained() -> None:
    """Of surfaces of little contrast, too: where the vectors of all patches are alike, nothing is learnt for long."""
    with seeded(0):
        network = PatchNetwork(16)
    faint = 0.1 * torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.no_grad():
        small = network.encoder.small_patches(faint)
        large = network.encoder.large_patches(small)
    assert small.std(dim=(0, 2, 3)).median() > 0.02
    assert large.std(dim=(0, 2, 3)).median() > 0.02
