"""Models changed under load: every image is scored by the version that accepted it, and old ones leave memory."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from patchsieve.decisions import OperatingPoint, OperatingPoints
from patchsieve.detectors import load
from patchsieve.errors import ModelFileError
from patchsieve.images import Pixels
from patchsieve.station.engine import ModelPool, ScoringHere
from patchsieve.station.errors import Busy, Unavailable


@pytest.fixture
def pool() -> Iterator[ModelPool]:
    pool = ModelPool(ScoringHere(queue_size=64, batch_size=4), device="cpu")
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def versions(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same model with thresholds 1, 2 and 3, which tell the versions apart."""
    folder = tmp_path_factory.mktemp("versions")
    model = load(small_model, device="cpu")
    for number in (1, 2, 3):
        model.operate(OperatingPoints.only(OperatingPoint.at("default", float(number))))
        model.save(folder / f"{number}.sieve")
    return sorted(folder.iterdir())


def test_images_are_scored_by_the_version_that_accepted_them(
    pool: ModelPool, versions: list[Path], surfaces: list[Pixels]
) -> None:
    pool.activate("line", "v1", versions[0])
    with pool.accept("line", 2) as accepted:
        pool.activate("line", "v2", versions[1])
        assert pool.serving("line").version_id == "v2"
        assert accepted.version_id == "v1"
        before = [accepted.score(pixels).result(20) for pixels in surfaces[:2]]
    with pool.accept("line") as accepted:
        after = accepted.score(surfaces[0]).result(20)
    assert [row.result.threshold for row in before] == [1.0, 1.0]
    assert after.result.threshold == 2.0


def test_a_line_switched_under_load_drops_nothing(
    pool: ModelPool, versions: list[Path], surfaces: list[Pixels]
) -> None:
    pool.activate("line", "v1", versions[0])
    stop = threading.Event()
    seen: list[tuple[str, float]] = []
    failures: list[Exception] = []

    def client() -> None:
        while not stop.is_set():
            try:
                with pool.accept("line") as accepted:
                    row = accepted.score(surfaces[0]).result(20)
            except Exception as error:
                failures.append(error)
                return
            seen.append((accepted.version_id, row.result.threshold))

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    for number in (2, 3, 1, 2):
        pool.activate("line", f"v{number}", versions[number - 1])
    stop.set()
    for each in clients:
        each.join()
    assert not failures
    assert {version for version, _ in seen} >= {"v1"}
    assert all(version == f"v{threshold:.0f}" for version, threshold in seen)


def test_the_memory_of_an_old_version_is_freed(pool: ModelPool, versions: list[Path]) -> None:
    pool.activate("line", "v1", versions[0])
    old = weakref.ref(pool.serving("line").model)
    assert old() is not None
    pool.activate("line", "v2", versions[1])
    deadline = time.monotonic() + 10
    while old() is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    gc.collect()
    assert old() is None


def test_a_line_keeps_its_version_where_the_new_file_cannot_be_used(
    pool: ModelPool, versions: list[Path], tmp_path: Path, surfaces: list[Pixels]
) -> None:
    pool.activate("line", "v1", versions[0])
    broken = tmp_path / "broken.sieve"
    broken.write_bytes(versions[1].read_bytes()[:1000])
    with pytest.raises(ModelFileError):
        pool.activate("line", "v2", broken)
    with pool.accept("line") as accepted:
        assert accepted.score(surfaces[0]).result(20).result.threshold == 1.0


def test_lines_have_queues_of_their_own(versions: list[Path], surfaces: list[Pixels]) -> None:
    seen: list[tuple[str, int]] = []
    pool = ModelPool(
        ScoringHere(queue_size=1), device="cpu", seen=lambda line, size, _: seen.append((line, size))
    )
    pool.activate("a", "v1", versions[0])
    pool.activate("b", "v2", versions[1])
    with pool.accept("a"):
        with pytest.raises(Busy):
            pool.accept("a")
        with pool.accept("b") as accepted:
            assert accepted.score(surfaces[0]).result(20).result.threshold == 2.0
    assert seen == [("b", 1)]
    pool.deactivate("b")
    with pytest.raises(Unavailable, match="no model"):
        pool.accept("b")
    assert set(pool.lines()) == {"a"}
    pool.close()
    with pytest.raises(Unavailable, match="stopping"):
        pool.accept("a")
