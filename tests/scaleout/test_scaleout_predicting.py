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
    rows = rows_in(out)
    assert len(rows) == len({row["image"] for row in rows}) == len(alone)
    for row in rows:
        assert {**row, "seconds": 0} == {**alone[row["image"]], "seconds": 0}
        assert (row["seconds"] is None) == (row["verdict"] == "skipped")


def written(out: Path) -> dict[str, tuple[int, int]]:
    """Return which parts there are, and what changes when one is written again."""
    found = {path.name: path.stat() for path in (out / "predictions").glob("part-*")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


class Midway:
    """Progress that does something once, when some images are done and others are not."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self.at: list[int] = []
        self.done = 0

    def stage(self, title: str, total: int) -> Stage:  # noqa: ARG002
        return self

    def end(self, stage: Stage) -> None:
        pass

    def advance(self, amount: int = 1) -> None:
        self.done += amount
        if self.done and not self.at:
            self.at.append(self.done)
            assert self._action()


def test_the_command_writes_the_rows_of_one_machine(
    line: Path, model_file: Path, alone: dict[str, Row], tmp_path: Path, patchsieve: Callable[..., Any]
) -> None:
    command = ("predict", model_file, line, "--engine", "ray", "--out", tmp_path / "out")
    ended = patchsieve(*command)
    assert ended.code == 0, ended.err
    assert f"{IMAGES} images are in {tmp_path}/out/predictions" in ended.err
    assert "1 of 200 images could not be decoded" in ended.err
    assert_same(tmp_path / "out", alone)
    assert [row["image"] for row in rows_in(tmp_path / "out")] == list(read_images(line).names)
    before = written(tmp_path / "out")
    assert len(before) == 7
    again = patchsieve(*command)
    assert f"{IMAGES} of them from before" in again.err
    assert written(tmp_path / "out") == before
    # What is missing is done, and no more.
    (tmp_path / "out" / "predictions" / "part-000003.parquet").unlink()
    assert f"{IMAGES - 32} of them from before" in patchsieve(*command).err
    assert_same(tmp_path / "out", alone)
    assert len(set(written(tmp_path / "out").items()) & set(before.items())) == 6


def test_a_worker_may_die(
    line: Path, model_file: Path, alone: dict[str, Row], tmp_path: Path, kill: Callable[[str], bool]
) -> None:
    midway = Midway(lambda: kill("MapWorker"))
    done = predict_on_cluster(model_file, [str(line)], str(tmp_path), progress=midway)
    assert 0 < midway.at[0] < midway.done == IMAGES
    assert done.count == IMAGES
    assert_same(tmp_path, alone)


def test_a_whole_node_may_go(
    line: Path, model_file: Path, alone: dict[str, Row], tmp_path: Path, workers: Cluster
) -> None:
    def lose() -> bool:
        workers.remove_node(next(iter(workers.worker_nodes)), allow_graceful=False)
        return True

    midway = Midway(lose)
    predict_on_cluster(model_file, [str(line)], str(tmp_path), progress=midway)
    assert 0 < midway.at[0] < midway.done == IMAGES
    assert_same(tmp_path, alone)


def test_a_command_that_was_killed_goes_on(
    line: Path,
    model_file: Path,
    alone: dict[str, Row],
    tmp_path: Path,
    workers: Cluster,
    patchsieve: Callable[..., Any],
) -> None:
    command = (
        "predict",
        model_file,
        line,
        "--engine",
        "ray",
        "--address",
        workers.address,
        "--out",
        tmp_path / "out",
    )
    running = subprocess.Popen([COMMAND, *map(str, command)], stderr=subprocess.PIPE)
    while not written(tmp_path / "out"):
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    running.kill()
    running.communicate()
    # Its workers end with it, a moment later.
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        time.sleep(0.1)
    before = written(tmp_path / "out")
    assert 0 < len(before) < 7
    ended = patchsieve(*command)
    assert ended.code == 0, ended.err
    assert "of them from before" in ended.err
    assert before.items() <= written(tmp_path / "out").items()
    assert_same(tmp_path / "out", alone)


@pytest.fixture(scope="module")
def few(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of three images and something that is none, as an object store that all workers see."""
    archive = tmp_path_factory.mktemp("store") / "few.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("part_03.png", "part_57b.png", "part_100.png", "part_198.png"):
            made.write(line / name, f"{'abc'[int(name[5]) % 3]}/{name}")
    return archive


def test_images_of_a_store_are_scored_alike(
    few: Path, line: Path, model_file: Path, alone: dict[str, Row], tmp_path: Path
) -> None:
    manifest = tmp_path / "list.csv"
    url = f"zip://::file://{few}"
    done = predict_on_cluster(model_file, [url], str(tmp_path / "url"))
    assert done.verdicts["skipped"] == 1
    rows = rows_in(tmp_path / "url")
    assert len(rows) == 4
    # Rows of a manifest: in the store, on this machine, and nowhere.
    names = [row["image"] for row in rows]
    manifest.write_text(
        "image\n"
        + "".join(f"zip://{name}::file://{few}\n" for name in names)
        + f"{line}/part_11.png\ngone.png\n",
        encoding="utf-8",
    )
    predict_on_cluster(model_file, [str(manifest)], f"file://{tmp_path}/listed")
    *listed, near, gone = rows_in(tmp_path / "listed")
    for row, name in zip([*rows, *listed, near], [*names, *names, "part_11.png"], strict=True):
        expected = alone[Path(name).name]
        for column in set(expected) - {"image", "seconds"}:
            assert row[column] == expected[column], (name, column)
    assert (gone["verdict"], gone["note"], gone["sha256"]) == ("skipped", "no such file", None)


def test_a_folder_of_another_run_is_refused(
    few: Path, model: Detector, model_file: Path, tmp_path: Path, parts: Callable[..., Path]
) -> None:
    url, out = f"zip://::file://{few}", str(tmp_path / "out")

    def run(*, model: Path = model_file, images: str = url, **how: Any) -> Predicted:
        return predict_on_cluster(model, [images], out, **how)

    first = run()
    assert first.before == 0
    other = tmp_path / "other.sieve"
    model.save(other)
    with pytest.raises(PatchSieveError, match="results of another model"):
        run(model=other)
    with pytest.raises(PatchSieveError, match="results of another review"):
        run(review=0.05)
    with pytest.raises(PatchSieveError, match=r"another list of images \(4 images, not 2"):
        run(images=str(parts(tmp_path / "two", 2)))
    assert run().before == 4
    run_file = tmp_path / "out" / "run.json"
    run_file.write_text("{}")
    with pytest.raises(PatchSieveError, match="not what this PatchSieve writes"):
        run()
    run_file.unlink()
    with pytest.raises(PatchSieveError, match="holds results, but not what they are of"):
        run()


def test_what_cannot_work_is_said_in_words(few: Path, line: Path, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    url = f"zip://::file://{few}"
    with pytest.raises(ConfigError, match="operating point"):
        predict_on_cluster(model_file, [url], str(out), operating_point="none")
    with pytest.raises(ConfigError, match="do not see it"):
        predict_on_cluster(model_file, ["memory://line"], str(out))
    assert not out.exists()
    with pytest.raises(PatchSieveError, match="a text file, not an image"):
        predict_on_cluster(model_file, [url], str(tmp_path / "strict"), strict=True)
    with pytest.raises(ImagesError, match="none of the 1 images could be decoded"):
        predict_on_cluster(model_file, [str(line / "part_57b.png")], str(tmp_path / "broken"))
