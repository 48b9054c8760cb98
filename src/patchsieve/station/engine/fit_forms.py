"""The forms in which a job is asked for a new version of a model, and answers: JSON between two processes."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from patchsieve.detectors.refitting import Move, Standing

Box = tuple[float, float, float, float]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Correction(_Told):
    """An inspected part of which a person said what it is.

    Attributes:
        inspection_id: of the inspection.
        name: what the image was called.
        file: its original.
        sha256: of the file's bytes.
        boxes: (left, top, right, bottom) in pixels, where it is defective; none where nobody knows.
    """

    inspection_id: str
    name: str
    file: Path
    sha256: str
    boxes: tuple[Box, ...] = ()


class Past(_Told):
    """An inspected part that is scored again, to show what the new version would have said.

    Attributes:
        inspection_id: of the inspection.
        name: what the image was called.
        file: its original.
        score: by the model before; None where another version scored it.
        human: "good" or "defect" where a person said so.
    """

    inspection_id: str
    name: str
    file: Path
    score: float | None = None
    human: Literal["good", "defect"] | None = None


def training_name(inspection_id: str, name: str) -> str:
    """Return what an inspected image is called among training images; two parts may have one name."""
    return f"inspections/{inspection_id}/{name}"


class FitRequest(_Told):
    """What a job is to do.

    Attributes:
        kind: "refit": learn anew from the training images, less those to drop; "update": go on from the model as it is.
            Both then take in the corrections.
        model: file of the version to begin with; it is not changed.
        out: where the new file goes.
        cache: folder of embeddings.
        device: where it runs.
        points: the operating points that count, as `OperatingPoints.header` gives them; None for the model file's.
        keep: training images that a person confirmed to be good.
        drop: training images to leave out.
        good: parts of the history to learn from.
        defects: parts of the history whose defects are to leave the model.
        history: what is scored again.
    """

    kind: Literal["refit", "update"]
    model: Path
    out: Path
    cache: Path
    device: str = "auto"
    points: dict[str, Any] | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    good: tuple[Correction, ...] = ()
    defects: tuple[Correction, ...] = ()
    history: tuple[Past, ...] = ()


class PointChange(_Told):
    """An operating point before and after."""

    name: str
    rule: str
    before: float
    after: float


class VerdictChange(_Told):
    """A part of the history that the new version would judge otherwise."""

    inspection_id: str
    name: str
    score_before: float
    score_after: float
    verdict_before: Literal["good", "defect"]
    verdict_after: Literal["good", "defect"]
    human: Literal["good", "defect"] | None


class HistoryChange(_Told):
    """What the new version would have said of the history, each version at its own default threshold.

    Attributes:
        images: how many could be scored again.
        alarms_before: how many of them were above the threshold.
        alarms_after: how many are now.
        judged: of how many a person said what they are.
        right_before: how many of those were judged as the person did.
        right_after: how many are now.
        changed: those whose verdict changed.
    """

    images: int
    alarms_before: int
    alarms_after: int
    judged: int
    right_before: int
    right_after: int
    changed: tuple[VerdictChange, ...]


class FitResult(_Told):
    """What a job made.

    Attributes:
        before: the model as it was.
        after: the new one.
        points: the operating points of both.
        dropped: training images that were left out, exact copies with them.
        learnt: inspections that were learnt from.
        rejected: inspections whose defects left the model.
        patches_rejected: how many patches of the memory bank that were.
        moves: training images whose rank changed, most changed first; not more than 50.
        history: the history, judged by both.
        notes: what was left undone and why, in sentences.
        seconds: that it took.
    """

    before: Standing
    after: Standing
    points: tuple[PointChange, ...]
    dropped: tuple[str, ...]
    learnt: tuple[str, ...]
    rejected: tuple[str, ...]
    patches_rejected: int
    moves: tuple[Move, ...]
    history: HistoryChange
    notes: tuple[str, ...]
    seconds: float
