"""Patch SVDD as a whole: from pictures to a map with the defect in it, and back from its file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from patchsieve.bank import read_container, write_container
from patchsieve.detectors import PatchSVDD, load
from patchsieve.detectors.patch_svdd.detector import spread
from patchsieve.detectors.patch_svdd.light import evened
from patchsieve.errors import ConfigError, ImagesError, ModelFileError
from patchsieve.features import Embeddings, PatchFeatures
from patchsieve.progress import Stage

Photographs = Callable[..., Path]
QUICK = {
    "image_size": 144,
    "epochs": 1,
    "epoch_steps": 3,
    "training_batch": 1,
    "code_dims": 8,
    "bank_size": 500,
}


def quick(**settings: object) -> PatchSVDD:
    return PatchSVDD(**{**QUICK, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> PatchSVDD:
    rng = np.random.default_rng(0)
    return quick().fit([part(rng) for _ in range(6)])


def part(rng: np.random.Generator) -> np.ndarray:
    stripes = 110 + 50 * np.sin(np.arange(144) / 5)[None, :, None] * np.ones((144, 1, 3))
    return np.clip(stripes + rng.normal(0, 8, stripes.shape), 0, 255).astype(np.uint8)


def test_a_planted_defect_is_found(fitted: PatchSVDD) -> None:
    rng = np.random.default_rng(1)
    images = [part(rng) for _ in range(4)]
    images[2][30:60, 60:90] = (255, 255, 0)
    result = fitted.predict(images)
    assert result.scores.argmax() == 2
    assert result.verdicts[2] == "defect"
    x, y = result.peaks[2]
    # Or as near to it as the light of what surrounds it is evened by it.
    assert 60 - 32 < x < 90 + 32
    assert y < 60 + 32
    assert result.maps.shape == (4, 144, 144)


def test_the_score_is_the_product_of_the_distances_of_both_sizes(fitted: PatchSVDD) -> None:
    """Patch by patch: encode each alone, measure to every training vector, average over what covers a pixel."""
    pixels = torch.rand(1, 144, 160, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = evened(pixels.permute(0, 3, 1, 2))
    expected = np.ones((144, 160))
    for bank, size, stride in zip(fitted.banks_, (32, 64), (4, 16), strict=True):
        total, covered = np.zeros((144, 160)), np.zeros((144, 160))
        for top in range(0, 144 - size + 1, stride):
            for left in range(0, 160 - size + 1, stride):
                patch = image[:, :, top : top + size, left : left + size]
                vectors = fitted.encoder_.small_patches(patch)
                if size == 64:
                    vectors = fitted.encoder_.large_patches(vectors)
                difference = bank.points.double() - vectors[:, :, 0, 0].double()
                total[top : top + size, left : left + size] += difference.norm(dim=1).min().item()
                covered[top : top + size, left : left + size] += 1
        expected *= total / covered
    image_scores, patch_scores = fitted.score(pixels)
    assert patch_scores.shape == (1, 36, 40)
    np.testing.assert_allclose(patch_scores[0], expected[2::4, 2::4], rtol=1e-3)
    assert image_scores.item() == patch_scores.max().item()


@pytest.mark.parametrize(("size", "stride"), [(32, 4), (64, 16)])
def test_equal_scores_stay_equal_wherever_patches_overlap(size: int, stride: int) -> None:
    scores = torch.full((2, (144 - size) // stride + 1, (160 - size) // stride + 1), 7.0)
    torch.testing.assert_close(spread(scores, size, stride), torch.full((2, 36, 40), 7.0))


def test_the_banks_hold_vectors_of_the_training_patches(fitted: PatchSVDD) -> None:
    rng = np.random.default_rng(0)
    training = fitted.extractor_.embed(fitted_images(rng)).features.tensor()
    for vectors, bank, count in zip(fitted._encode(training), fitted.banks_, (500, 6 * 36), strict=True):
        assert len(bank.points) == count
        distances = torch.cdist(
            bank.points, vectors.reshape(-1, 8), compute_mode="donot_use_mm_for_euclid_dist"
        )
        assert distances.amin(dim=1).max() < 1e-5
        assert len(bank.points.unique(dim=0)) == count
    planned = fitted.model_memory(6, (144, 144, 3), fitted.budget(torch.device("cpu")))[1]
    assert planned == 4 * sum(bank.points.nbytes for bank in fitted.banks_)
    everything = quick(bank_size=None)
    everything.learn(PatchFeatures(training[:2]))
    assert [len(bank.points) for bank in everything.banks_] == [2 * 29 * 29, 2 * 36]


def fitted_images(rng: np.random.Generator):  # type: ignore[no-untyped-def]
    from patchsieve.images import read_images

    return read_images([part(rng) for _ in range(6)])


def test_it_comes_back_from_its_file(fitted: PatchSVDD, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.sieve")
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    loaded = load(tmp_path / "model.sieve")
    assert torch.rand(1) == expected
    assert isinstance(loaded, PatchSVDD)
    assert loaded.get_params() == fitted.get_params()
    pixels = torch.rand(2, 144, 144, 3)
    for ours, theirs in zip(loaded.score(pixels), fitted.score(pixels), strict=True):
        assert torch.equal(ours, theirs)
    # Of the classifiers, which only training needs, nothing is kept.
    assert {name.split(".")[0] for name in fitted._state()} == {"encoder", "bank"}


def test_a_file_from_before_light_was_evened_is_not_read_as_one_of_today(
    fitted: PatchSVDD, tmp_path: Path
) -> None:
    path = tmp_path / "model.sieve"
    fitted.save(path)
    tensors, header = read_container(path)
    del header["config"]["volume_weight"]
    write_container(path, tensors, header)
    with pytest.raises(ModelFileError, match=r"model\.sieve was fitted by an older PatchSieve.*fit it again"):
        load(path)


def test_training_makes_near_patches_alike_and_directions_known() -> None:
    """The held-out loss falls: from chance, twice log 8, by what the direction shows where stripes become finer."""
    waves = (torch.linspace(1, 7, 144) ** 2).sin()
    chirp = torch.stack(torch.meshgrid(waves, waves, indexing="ij"), dim=2)
    images = torch.cat([chirp, chirp[..., :1]], dim=2)[None].repeat(3, 1, 1, 1)
    before, after = _Loss(), _Loss()
    for loss, epochs, steps in ((before, 1, 1), (after, 3, 10)):
        model = quick(epochs=epochs, epoch_steps=steps, learning_rate=0.003, svdd_weight=0.001)
        model.train = loss.recording(model.train)  # type: ignore[method-assign]
        model.learn(PatchFeatures(images))
    assert after.value < before.value - 0.2


class _Loss:
    """Take the loss on held-out images after a training."""

    value = 0.0

    def recording(self, train: Callable[..., None]) -> Callable[..., None]:
        def recorded(network: torch.nn.Module, lessons: object, *rest: object) -> None:
            train(network, lessons, *rest)
            with torch.no_grad():
                self.value = lessons.held_out_loss()  # type: ignore[attr-defined]

        return recorded


def test_the_same_seed_gives_the_same_model() -> None:
    pixels = PatchFeatures(torch.rand(3, 144, 144, 3, generator=torch.Generator().manual_seed(0)))
    models = [quick(seed=seed) for seed in (0, 0, 1)]
    for index, model in enumerate(models):
        torch.manual_seed(index)
        model.learn(pixels)
    test = torch.rand(1, 144, 144, 3, generator=torch.Generator().manual_seed(1))
    scores = [model.score(test)[1] for model in models]
    assert torch.equal(scores[0], scores[1])
    assert not torch.allclose(scores[0], scores[2])


class Interrupting:
    """Press Ctrl-C after so many units."""

    def __init__(self, after: int) -> None:
        self.left = after

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self.left -= amount
        if self.left <= 0:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on(fitted: PatchSVDD, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    embeddings: Embeddings = fitted.extractor_.embed(fitted_images(rng))
    with pytest.raises(KeyboardInterrupt):
        quick().fit(embeddings, cache=tmp_path, progress=Interrupting(5))
    (kept,) = tmp_path.rglob("*.safetensors")
    assert kept.is_file()
    again = quick().fit(embeddings, cache=tmp_path)
    assert np.array_equal(again.training_.scores, fitted.training_.scores)
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"svdd_weight": -1.0}, "svdd_weight is -1.0"),
        ({"volume_weight": float("inf")}, "volume_weight is inf"),
        ({"code_dims": 0}, "code_dims is 0"),
        ({"bank_size": 0}, "bank_size is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"image_size": 128}, "cannot work on images of 128 x 128 pixels"),
        (
            {"image_size": (144, 150)},
            "144 x 150 pixels: choose an image_size, or a crop, whose sides are multiples of 16",
        ),
        ({"backbone": "efficientnet_lite0", "image_size": 64}, "pixels and not on features of 232 channels"),
    ],
)
def test_settings_that_cannot_work_are_said(
    settings: dict[str, object], said: str, photographs: Photographs
) -> None:
    with pytest.raises(ConfigError, match=said):
        quick(**settings).fit(photographs("good", 3))


def test_two_images_are_too_few(photographs: Photographs) -> None:
    with pytest.raises(ImagesError, match="2 training images are too few for patch_svdd"):
        quick().fit(photographs("good", 2))
