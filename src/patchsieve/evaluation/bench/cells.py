"""One cell of a grid of experiments, and what came out of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from patchsieve.images import Overlap


@dataclass(frozen=True, slots=True)
class System:
    """A detector with its settings, under the name that tables and figures show.

    Attributes:
        name: unique in a bench, e.g. "softpatch-lof" or "softpatch-lof tau=0.05".
        detector: a key of `patchsieve.detectors.DETECTORS`.
        settings: constructor arguments by name; the seed is the condition's.
        varied: name and value of the setting that an ablation varies, e.g. ("tau", 0.05); None outside of one.
    """

    name: str
    detector: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    varied: tuple[str, Any] | None = None

    @property
    def base(self) -> str:
        """The name without what an ablation varies: one curve has one base."""
        return (
            self.name
            if self.varied is None
            else self.name.removesuffix(f" {self.varied[0]}={self.varied[1]}")
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """What is done to a labelled set before a detector sees it.

    Attributes:
        noise: noise rate: defective images among the training images, per good one; 0 for a clean set.
        overlap: "none" if these images leave the test images, "same" if they stay there as they are; else the
            augmentation by which the copies that are learnt from differ from those that are tested.
        seed: of the draw, of the augmentation and of the detector.
    """

    noise: float = 0.0
    overlap: Overlap = "none"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment: a detector, fitted on a category's training images in one condition, and judged.

    Attributes:
        dataset: name of the data set, e.g. "mvtec"; of the folder where it has one category only.
        category: e.g. "bottle"; the same as `dataset` where there is one only.
        system: what is fitted.
        condition: what it is fitted on.
    """

    dataset: str
    category: str
    system: System
    condition: Condition

    @property
    def key(self) -> str:
        """JSON that is the same for the same experiment, whatever its system is called."""
        return json.dumps(
            [
                self.dataset,
                self.category,
                self.system.detector,
                dict(self.system.settings),
                float(self.condition.noise),
                self.condition.overlap if self.condition.noise else "none",
                self.condition.seed,
            ],
            sort_keys=True,
        )


@dataclass(frozen=True)
class CellResult:
    """What came out of one cell.

    Attributes:
        cell: the experiment.
        metrics: figure by name; None where the data does not define it. Those of `METRICS`, as far as they were
            computed.
        names: of the N test images.
        labels: bool `[N]`, true for defective.
        scores: anomaly scores float32 `[N]`.
        training_names: of the M training images; empty where they were not scored.
        training_noise: bool `[M]`, true for the defective ones.
        training_scores: out-of-sample scores float32 `[M]`.
        failure: why there is nothing else, in words; None where the cell succeeded.
    """

    cell: Cell
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    names: tuple[str, ...] = field(default=(), repr=False)
    labels: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool), repr=False)
    scores: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32), repr=False)
    training_names: tuple[str, ...] = field(default=(), repr=False)
    training_noise: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool), repr=False)
    training_scores: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, np.float32), repr=False
    )
    failure: str | None = None


# Every figure that a cell can have, in the order of tables, with its name for people. All above the threshold are
# shares from 0 to 1 (MCC and Youden's J from -1), the higher the better but for false alarms; counts, seconds and
# sizes follow.
METRICS: dict[str, str] = {
    "image_auroc": "image AUROC",
    "image_average_precision": "image AP",
    "image_f1_max": "image F1-max",
    "image_youden_max": "image Youden's J, best",
    "recall_at_1_percent": "recall at 1 % false alarms",
    "recall_at_5_percent": "recall at 5 % false alarms",
    "pixel_auroc": "pixel AUROC",
    "pixel_average_precision": "pixel AP",
    "pixel_f1_max": "pixel F1-max",
    "aupro": "AUPRO to 30 %",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "false_alarm_rate": "false alarms",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "mcc": "MCC",
    "youden": "Youden's J",
    "suspects_auroc": "suspects AUROC",
    "suspects_precision_at_n": "suspects precision at n",
    "threshold": "threshold",
    "true_positives": "true positives",
    "false_positives": "false positives",
    "true_negatives": "true negatives",
    "false_negatives": "false negatives",
    "fit_seconds": "fit, s",
    "image_ms": "ms an image",
    "file_mib": "file, MiB",
}
