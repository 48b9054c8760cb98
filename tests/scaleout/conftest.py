"""One cluster of several processes, as a real one, for all tests of scale-out."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

from patchsieve.scaleout import connected

# The least that Ray takes for an object store.
STORE_BYTES = 80 * 2**20

Kill = Callable[[str], bool]
DieOnce = Callable[[ModuleType, str], Path]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A head that only drives and two nodes that work, this process connected to it."""
    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            # Else Ray spills nothing where other files fill the disk by 95 %.
            "_system_config": {"local_fs_capacity_threshold": 1.0},
        },
    )
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    with connected(made.address):
        yield made
    made.shutdown()


@pytest.fixture
def workers(cluster: Cluster) -> Cluster:
    """The cluster with two workers, whatever the test before did to it."""
    while len([node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]) < 2:
        cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    return cluster


@pytest.fixture
def kill(workers: Cluster) -> Kill:
    """Kill -9 one process of the cluster that is at the work of this name; say whether there was one."""

    def find(title: str) -> bool:
        for node in workers.list_all_nodes():
            for raylet in node.all_processes["raylet"]:
                for process in psutil.Process(raylet.process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        if any(part.startswith(f"ray::{title}") for part in process.cmdline()):
                            process.kill()
                            return True
        return False

    return find


@pytest.fixture
def die_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DieOnce:
    """Let a worker be killed in the first task of this name; return the file that says it was."""

    def arrange(module: ModuleType, name: str) -> Path:
        died = tmp_path / f"{name}.died"
        work = getattr(module, name.lower())

        def deadly(*arguments: Any) -> Any:
            if not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*arguments)

        monkeypatch.setattr(module, name, ray.remote(deadly))
        return died

    return arrange
