"""A prediction on a cluster has the rows of one machine, each image once, whatever dies meanwhile."""

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from pyarrow import dataset
from ray.cluster_utils import Cluster

from patchsieve.decisions.rows import Row, rows_of
from patchsieve.detectors import Detector, SoftPatch
from patchsieve.errors import ConfigError, ImagesError, PatchSieveError
from patchsieve.images import content_hash, read_images
from patchsieve.images.order import natural_key
from patchsieve.progress import Stage
from patchsieve.scaleout import Predicted, predict_on_cluster

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers")]

COMMAND = Path(sys.executable).parent / "patchsieve"
# Parts of 32 images, the least that there are; seven of them.
IMAGES = 200


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., Path]) -> Path:
    """Many parts, of which one cannot be decoded."""
    made = parts(tmp_path_factory.mktemp("many") / "line", IMAGES - 11, 10)
    (made / "part_57b.png").write_bytes(b"no image")
    return made


@pytest.fixture(scope="module")
def model(line: Path) -> Detector:
    first = read_images(line)
    return SoftPatch(image_size=64, crop=None, batch_size=8).fit(first.with_records(first.records[:24]))


@pytest.fixture(scope="module")
def model_file(model: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "line.sieve"
    model.save(file)
    return file


@pytest.fixture(scope="module")
def alone(model: Detector, line: Path) -> dict[str, Row]:
    """What one machine finds, by name."""
    images = read_images(line)
    hashes = {record.name: content_hash(record) for record in images}
    return {
        row["image"]: row | {"sha256": hashes[row["image"]]}
        for result in model.iter_predict(images)
        for row in rows_of(result)
    }


def rows_in(out: Path) -> list[Row]:
    rows: list[Row] = dataset.dataset(out / "predictions").to_table().to_pylist()
    return rows


def assert_same(out: Path, alone: dict[str, Row]) -> None:
    """Hold rows against those of one machine: each once, in the order of the list."""
    rows = rows_in(out)
    assert [row["image"] for row in rows] == sorted(alone, key=natural_key)
    for row in rows:
        assert {**row, "seconds": 0} == {**alone[row["image"]], "seconds": 0}
        assert (row["seconds"] is None) == (row["verdict"] == "skipped")


def written(out: Path) -> dict[str, tuple[int, int]]:
    """Return which parts there are, and what changes when one is written again."""
    found = {path.name: path.stat() for path in (out / "predictions").glob("part-*")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


class Losing:
    """Progress that loses something of the cluster each time that another third of the images is done."""

    def __init__(self, *losses: Callable[[], object]) -> None:
        self._losses = list(losses)
        self.lost: list[int] = []
        self.done = 0

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self.done += amount
        if self._losses and self.done > IMAGES / 3 * len(self.lost):
            assert self._losses.pop(0)()
            self.lost.append(self.done)


def test_a_worker_and_a_node_may_be_lost(
    line: Path,
    model_file: Path,
    alone: dict[str, Row],
    tmp_path: Path,
    workers: Cluster,
    kill: Callable[[str], bool],
) -> None:
    def lose_a_node() -> bool:
        workers.remove_node(next(iter(workers.worker_nodes)), allow_graceful=False)
        return True

    losing = Losing(lambda: kill("MapWorker"), lose_a_node)
    done = predict_on_cluster(model_file, [str(line)], str(tmp_path), progress=losing)
    assert len(losing.lost) == 2
    assert 0 < losing.lost[0] < losing.lost[1] < losing.done == IMAGES
    assert (done.count, done.verdicts["skipped"], done.before) == (IMAGES, 1, 0)
    assert_same(tmp_path, alone)


def test_a_command_that_was_killed_goes_on(
    line: Path,
    model_file: Path,
    alone: dict[str, Row],
    tmp_path: Path,
    workers: Cluster,
    patchsieve: Callable[..., Any],
) -> None:
    out = tmp_path / "out"
    command = ("predict", model_file, line, "--engine", "ray", "--address", workers.address, "--out", out)
    running = subprocess.Popen([COMMAND, *map(str, command)], stderr=subprocess.PIPE)
    while not written(out):
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    running.kill()
    running.communicate()
    # Its workers end with it, a moment later.
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        time.sleep(0.1)
    before = written(out)
    assert 0 < len(before) < 7
    ended = patchsieve(*command)
    assert ended.code == 0, ended.err
    assert f"{IMAGES} images are in {out}/predictions, {32 * len(before)} of them from before" in ended.err
    assert "1 of 200 images could not be decoded" in ended.err
    assert before.items() <= written(out).items()
    assert_same(out, alone)
    # Nothing is left to do.
    before = written(out)
    assert f"{IMAGES} of them from before" in patchsieve(*command).err
    assert written(out) == before


@pytest.fixture(scope="module")
def store(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two images and something that is none, as an object store that all workers see."""
    archive = tmp_path_factory.mktemp("store") / "few.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("part_03.png", "part_198.png", "part_57b.png"):
            made.write(line / name, f"monday/{name}")
    return archive


def test_a_manifest_of_files_and_stores_and_what_its_results_are_refused_for(
    store: Path, line: Path, model: Detector, model_file: Path, alone: dict[str, Row], tmp_path: Path
) -> None:
    names = ("part_03.png", "part_198.png", "part_57b.png", "part_11.png")
    rows = [f"zip://monday/{name}::file://{store}" for name in names[:3]]
    manifest = tmp_path / "list.csv"
    manifest.write_text("\n".join(["image", *rows, str(line / names[3]), "gone.png"]), encoding="utf-8")

    def run(*, model: Path = model_file, images: Path = manifest, **how: Any) -> Predicted:
        return predict_on_cluster(model, [str(images)], f"file://{tmp_path}/out", **how)

    assert run().before == 0
    *found, gone = rows_in(tmp_path / "out")
    for row, name, place in zip(found, names, [*rows, str(line / names[3])], strict=True):
        assert {**row, "seconds": 0} == {**alone[name], "image": place, "seconds": 0}
    assert (gone["verdict"], gone["note"], gone["sha256"]) == ("skipped", "no such file", None)

    other = tmp_path / "other.sieve"
    model.save(other)
    with pytest.raises(PatchSieveError, match="results of another model"):
        run(model=other)
    with pytest.raises(PatchSieveError, match="results of another review"):
        run(review=0.05)
    with pytest.raises(PatchSieveError, match=r"another list of images \(5 images, not 200"):
        run(images=line)
    assert run().before == 5
    run_file = tmp_path / "out" / "run.json"
    run_file.write_text("{}")
    with pytest.raises(PatchSieveError, match="not what this PatchSieve writes"):
        run()
    run_file.unlink()
    with pytest.raises(PatchSieveError, match="holds results, but not what they are of"):
        run()


def test_what_cannot_work_is_said_in_words(line: Path, model_file: Path, tmp_path: Path) -> None:
    broken, out = [str(line / "part_57b.png")], tmp_path / "out"
    with pytest.raises(ConfigError, match="operating point"):
        predict_on_cluster(model_file, broken, str(out), operating_point="none")
    with pytest.raises(ConfigError, match="do not see it"):
        predict_on_cluster(model_file, ["memory://line"], str(out))
    assert not out.exists()
    with pytest.raises(PatchSieveError, match=r"part_57b.png: a text file, not an image"):
        predict_on_cluster(model_file, broken, str(out), strict=True)
    assert not written(out)
    with pytest.raises(ImagesError, match="none of the 1 images could be decoded"):
        predict_on_cluster(model_file, broken, str(out))
    assert written(out)
