"""One cluster of several processes, as a real one, for all tests of scale-out."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

from patchsieve.scaleout import connected

# The least that Ray takes for an object store.
STORE_BYTES = 80 * 2**20

Kill = Callable[[str], bool]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A head that only drives and two nodes that work, this process connected to it."""
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False},
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
