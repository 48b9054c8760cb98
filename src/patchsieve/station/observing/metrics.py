"""Figures for Prometheus: counted as things happen, or looked up when they are asked for."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from patchsieve.station.engine.events import Event

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Looked(Protocol):
    """What is looked up when the figures are asked for; each gives a value for each label."""

    def waiting(self) -> dict[str, int]:
        """Return how many images each line has accepted and not answered."""

    def versions(self) -> dict[str, int]:
        """Return the number of each line's active version."""

    def jobs(self) -> dict[str, int]:
        """Return how many jobs are in each state."""

    def watchers(self) -> int:
        """Return how many watch events."""


class Metrics:
    """The figures of one station.

    Attributes:
        in_flight: requests that are being answered.
    """

    def __init__(self, data_dir: Path) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "patchsieve_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "patchsieve_request_seconds",
            "Time from a request to the end of its answer; of event streams to its beginning.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "patchsieve_requests_in_flight", "Requests that are being answered.", registry=self._registry
        )
        self._inspections = Counter(
            "patchsieve_inspections",
            "Inspections that were written down.",
            ("line", "verdict"),
            registry=self._registry,
        )
        self._batch_images = Histogram(
            "patchsieve_batch_images",
            "Images that a model scored at once.",
            ("line",),
            buckets=_IMAGES,
            registry=self._registry,
        )
        self._batch_seconds = Histogram(
            "patchsieve_batch_seconds",
            "Time that a batch took.",
            ("line",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._name_of: Callable[[str], str] = lambda line_id: line_id
        self._registry.register(_Disk(data_dir))
        ProcessCollector(registry=self._registry)

    def watch(self, looked: Looked, name_of: Callable[[str], str]) -> None:
        """Take the figures that are looked up from here on.

        Args:
            looked: where.
            name_of: the name of a line by its id.
        """
        self._name_of = name_of
        self._registry.register(_LookedUp(looked))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def batch(self, line_id: str, images: int, seconds: float) -> None:
        """Count a batch."""
        line = self._name_of(line_id)
        self._batch_images.labels(line).observe(images)
        self._batch_seconds.labels(line).observe(seconds)

    def event(self, event: Event) -> None:
        """Count an inspection; other events do not count."""
        if event.kind == "inspection":
            self._inspections.labels(event.data["line"], event.data["verdict"]).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        found: bytes = generate_latest(self._registry)
        return found


class _Disk:
    """Space where the station keeps its data."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def collect(self) -> Iterable[Metric]:
        usage = shutil.disk_usage(self._data_dir)
        yield GaugeMetricFamily("patchsieve_disk_free_bytes", "Free space for the data.", value=usage.free)
        yield GaugeMetricFamily("patchsieve_disk_bytes", "Size of the disk of the data.", value=usage.total)


class _LookedUp:
    def __init__(self, looked: Looked) -> None:
        self._looked = looked

    def collect(self) -> Iterable[Metric]:
        yield _labelled(
            "patchsieve_waiting_images",
            "Images that were accepted and are not answered yet.",
            "line",
            self._looked.waiting(),
        )
        yield _labelled(
            "patchsieve_active_version",
            "Number of the version that inspects.",
            "line",
            self._looked.versions(),
        )
        yield _labelled("patchsieve_jobs", "Jobs by their state.", "state", self._looked.jobs())
        yield GaugeMetricFamily(
            "patchsieve_watchers", "Connections that events go to.", value=self._looked.watchers()
        )


def _labelled(name: str, words: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family
