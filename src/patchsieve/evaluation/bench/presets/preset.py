"""What a preset of a bench is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from patchsieve.detectors import DETECTORS, Detector
from patchsieve.errors import ConfigError
from patchsieve.evaluation.bench.cells import System
from patchsieve.images import Overlap

# Settings that name parts of one network, or that were chosen for it.
_OF_A_BACKBONE = ("layers", "dims")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPreset:
    """Systems and conditions that belong together.

    Attributes:
        name: as the command line takes it.
        repeats: what it repeats or shows, in one sentence.
        systems: with all their settings.
        dataset: the data set it is meant for, a key of `published.CATEGORIES`; None for any.
        noise: noise rates; with 0 among them, results have a gap.
        overlaps: kinds of overlap of the rates above 0.
        seeds: of the draws and detectors.
        published: names of the published tables to compare with.
        remarks: what to know about the source, each a sentence without a full stop.
    """

    name: str
    repeats: str
    systems: tuple[System, ...]
    dataset: str | None = None
    noise: tuple[float, ...] = (0.0, 0.1)
    overlaps: tuple[Overlap, ...] = ("none", "same")
    seeds: tuple[int, ...] = (0, 1, 2)
    published: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def on(self, backbone: str, layers: Sequence[str] | None = None) -> "BenchPreset":
        """Return the same bench on another backbone.

        The width of the features goes with the layers of the old one. A detector that learns from pixels has no use
        for another backbone and stays as it is.

        Args:
            backbone: as `Detector.backbone`.
            layers: of it, None for its default.

        Raises:
            ConfigError: it is the backbone or its layers that this preset varies.
        """
        for system in self.systems:
            if system.varied is not None and system.varied[0] in ("backbone", *_OF_A_BACKBONE):
                raise ConfigError(
                    f"{self.name} varies the {system.varied[0]}: it cannot have another backbone"
                )
        return replace(self, systems=tuple(_on(system, backbone, layers) for system in self.systems))


def _on(system: System, backbone: str, layers: Sequence[str] | None) -> System:
    if DETECTORS[system.detector].backbone != Detector.backbone:
        return system
    kept = {name: value for name, value in system.settings.items() if name not in _OF_A_BACKBONE}
    chosen = {} if layers is None else {"layers": list(layers)}
    return replace(system, settings={**kept, "backbone": backbone, **chosen})
