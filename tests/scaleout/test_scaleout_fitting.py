"""A fit on a cluster gives the model that one machine learns, whatever dies meanwhile."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
from typing import Any

import pytest
import torch
from ray.cluster_utils import Cluster

import patchsieve as product
from patchsieve.detectors import AdaptiveSieve, Detector, SoftPatch
from patchsieve.features import FeatureExtractor
from patchsieve.progress import Stage
from patchsieve.scaleout import features, fit_on_cluster

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers")]

# A grid of patches large enough that the coreset has more than one share; two batches of images and a bit.
SMALL: dict[str, Any] = {"image_size": 64, "crop": None, "grid": 20, "batch_size": 8, "folds": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., Path]) -> Path:
    """18 parts, and a file among them that is no image."""
    made = parts(tmp_path_factory.mktemp("parts") / "line", 16, 2)
    (made / "part_07b.png").write_bytes(b"no image")
    return made


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return SoftPatch(**SMALL).make_extractor()


@pytest.fixture(scope="module")
def alone(folder: Path, extractor: FeatureExtractor) -> Detector:
    return SoftPatch(**SMALL).fit(folder, extractor=extractor)


def assert_same(found: Detector, expected: Detector) -> None:
    ours, theirs = ({**model._state(), **model.training_.tensors()} for model in (found, expected))
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"training.seconds"}:
        assert torch.equal(torch.as_tensor(ours[name]), torch.as_tensor(theirs[name])), name
    assert found.threshold_ == expected.threshold_
    assert found.pixel_threshold_ == expected.pixel_threshold_
    assert found.training_.skipped == expected.training_.skipped
    assert found.training_.images.names == expected.training_.images.names


@pytest.mark.parametrize(
    ("detector", "own"),
    [(AdaptiveSieve, {}), (AdaptiveSieve, {"contamination": 0.1}), (SoftPatch, {"discriminator": "mutual"})],
)
def test_the_command_writes_the_model_of_one_machine(
    folder: Path,
    extractor: FeatureExtractor,
    detector: type[Detector],
    own: dict[str, Any],
    tmp_path: Path,
    patchsieve: Callable[..., Any],
) -> None:
    chosen = {**SMALL, **own}
    alone = detector(**chosen).fit(folder, extractor=extractor)
    settings = [f"--set={name}={'none' if value is None else value}" for name, value in chosen.items()]
    named = ("--detector", detector.system, *settings)
    ended = patchsieve("fit", folder, "--engine", "ray", "--out", tmp_path / "line.sieve", *named)
    assert ended.code == 0, ended.err
    assert "2 processors" in ended.err + ended.out
    assert "part_07b.png" in ended.err + ended.out
    assert_same(product.load(tmp_path / "line.sieve"), alone)


class Killing:
    """Progress that loses a part of the cluster when a stage is halfway through, once."""

    def __init__(self, stage: str, kill: Callable[[], bool]) -> None:
        self._wanted, self._kill = stage, kill
        self.killed = False

    def stage(self, title: str, total: int) -> Stage:
        self._title, self._left = title, total / 2
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self._left -= amount
        if self._title.startswith(self._wanted) and self._left <= 0 and not self.killed:
            self.killed = self._kill()


def test_a_worker_and_an_actor_may_die(
    folder: Path, extractor: FeatureExtractor, alone: Detector, kill: Callable[[str], bool]
) -> None:
    over = Event()
    killed: list[str] = []

    def kill_an_embedder() -> None:
        while not killed and not over.wait(0.05):
            if kill("MapBatches"):
                killed.append("worker")

    watching = Thread(target=kill_an_embedder)
    watching.start()
    killing = Killing("coreset", lambda: kill("_Keeper"))
    found = fit_on_cluster(SoftPatch(**SMALL), folder, extractor=extractor, progress=killing)
    over.set()
    watching.join()
    assert killed
    assert killing.killed
    assert_same(found, alone)


def test_a_worker_may_die_at_outlier_scores_and_at_calibration(
    folder: Path, extractor: FeatureExtractor, alone: Detector, die_once: Callable[[ModuleType, str], Path]
) -> None:
    died = [die_once(features, name) for name in ("_CUTS", "_WORKED_POSITIONS", "_WORKED_IMAGES")]
    found = fit_on_cluster(SoftPatch(**SMALL), folder, extractor=extractor)
    assert all(file.exists() for file in died)
    assert_same(found, alone)


def test_a_whole_node_may_go(
    folder: Path, extractor: FeatureExtractor, alone: Detector, workers: Cluster
) -> None:
    def lose() -> bool:
        workers.remove_node(next(iter(workers.worker_nodes)), allow_graceful=False)
        return True

    losing = Killing("coreset", lose)
    found = fit_on_cluster(SoftPatch(**SMALL), folder, extractor=extractor, progress=losing)
    assert losing.killed
    assert_same(found, alone)
