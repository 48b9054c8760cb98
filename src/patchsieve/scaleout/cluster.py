"""Joining a Ray cluster, or starting one on this machine."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Before Ray starts: nothing is reported to anyone, and no accelerator is hidden.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray.data

from patchsieve.errors import ConfigError
from patchsieve.scaleout.losses import in_words

NAMESPACE = "patchsieve"
# Seconds within which a cluster's head answers; Ray itself would try for minutes.
_PATIENCE = 5


@contextmanager
def connected(address: str | None = None) -> Iterator[None]:
    """Work with a Ray cluster for the time of a block.

    A process that is connected already stays with its cluster; `address` is then not looked at.

    Args:
        address: of the cluster: ``host:port``, ``auto`` for the one that this machine belongs to, or
            ``ray://host:port``; None starts one of this machine's processors, which ends with the block.

    Raises:
        ConfigError: there is no cluster at that address.
        ClusterError: within the block, the cluster could not go on.
    """
    if ray.is_initialized():
        with in_words():
            yield
        return
    try:
        _require_answer(address)
        ray.init(
            address=address or "local",
            namespace=NAMESPACE,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"there is no Ray cluster to join at {address}: {_first_line(error)}; start one with ray start --head and "
            "give its host:port"
        ) from error
    _quiet()
    try:
        with in_words():
            yield
    finally:
        ray.shutdown()


def _require_answer(address: str | None) -> None:
    """Raise `OSError` or `ValueError` where nobody listens at the host and port of an address, if it has them."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is host:port, ray://host:port or auto")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def processors() -> int:
    """Return how many processors the workers of the cluster have now, at least one."""
    return max(1, _resources("CPU"))


def gpu_count() -> int:
    """Return how many GPUs the workers of the cluster have now."""
    return _resources("GPU")


def _resources(kind: str) -> int:
    resources: Callable[[], dict[str, float]] = ray.cluster_resources
    return int(resources().get(kind, 0))


def _quiet() -> None:
    """Let Ray Data say nothing: what is wrong it raises, too."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
