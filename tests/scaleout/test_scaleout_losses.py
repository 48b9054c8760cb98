"""What a cluster cannot do for want of room, or lost, is said in words and not by a traceback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ray import exceptions
from ray.cluster_utils import Cluster

from patchsieve.errors import ClusterError
from patchsieve.scaleout.losses import in_words, words_for

COMMAND = "from patchsieve.cli import main; main()"


class DefectError(ValueError):
    """What went wrong in a task of ours."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.OutOfDiskError("no room"), "object-spilling-directory"),
        (exceptions.WorkerCrashedError(), "WorkerCrashedError"),
        (exceptions.OutOfMemoryError("killed"), "smaller bank_size"),
        (exceptions.NodeDiedError("gone"), "NodeDiedError"),
    ],
)
def test_it_is_said_what_is_missing_and_what_to_do(error: exceptions.RayError, said: str) -> None:
    of_task = exceptions.RayTaskError("work", "a traceback", error, proctitle="task", pid=1, ip="here")
    for one in (error, of_task):
        with pytest.raises(ClusterError, match=said) as found, in_words():
            raise one
        assert found.value.__cause__ is one


def test_a_defect_of_the_work_itself_keeps_its_traceback() -> None:
    failed = exceptions.RayTaskError(
        "work", "a traceback", DefectError("x"), proctitle="task", pid=1, ip="here"
    )
    assert words_for(failed) is None
    with pytest.raises(DefectError), in_words():
        raise failed.as_instanceof_cause()


@pytest.mark.slow
def test_full_disks_end_a_fit_with_a_sentence(tmp_path: Path, parts: Callable[..., Path]) -> None:
    folder = parts(tmp_path / "line", 48, 2)
    full = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 80 * 2**20,
            "include_dashboard": False,
            # Whatever there is on a disk counts as too much.
            "_system_config": {"local_fs_capacity_threshold": 0.0},
        },
    )
    try:
        # 126 MB of features for a store of 80.
        settings = ["image_size=64", "crop=none", "grid=64", "batch_size=8", "folds=2"]
        command = [
            "fit",
            folder,
            "--engine",
            "ray",
            "--address",
            full.address,
            "--out",
            tmp_path / "line.sieve",
        ]
        ended = subprocess.run(
            [sys.executable, "-c", COMMAND, *command, *(f"--set={one}" for one in settings)],
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        full.shutdown()
    assert ended.returncode == 2, ended.stderr
    assert "the object store of a node is full" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "line.sieve").exists()
