"""A new version of a model from what people said: training images dropped, parts of the history learnt or rejected."""

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from patchsieve.decisions import OperatingPoints
from patchsieve.errors import ImagesError
from patchsieve.images import ImageRecord, ImageSet, Marks
from patchsieve.progress import SILENT, Progress
from patchsieve.station.engine.fit_forms import (
    Correction,
    FitRequest,
    FitResult,
    HistoryChange,
    Past,
    PointChange,
    VerdictChange,
    training_name,
)

if TYPE_CHECKING:
    from patchsieve.detectors import Detector
    from patchsieve.detectors.bank_detector import BankDetector

# Of the images whose rank changed, those that a person may want to look at.
_MOST_MOVES = 50


def fit_version(request: FitRequest, progress: Progress = SILENT) -> FitResult:
    """Make the new version, write its file and compare it with the one before.

    Raises:
        PatchSieveError: it cannot be made; the text says why.
    """
    from patchsieve.detectors import load
    from patchsieve.detectors.refitting import Standing, moves_between, refit

    started = perf_counter()
    model = load(request.model, device=request.device)
    if request.points is not None:
        model.operate(OperatingPoints.restored({"operating_points": request.points}))
    before = Standing.of(model)
    notes: list[str] = []
    if request.kind == "refit":
        fresh, changes = refit(
            model, Marks(request.keep, request.drop), cache=request.cache, progress=progress
        )
        dropped = changes.dropped
    else:
        # Loaded again: what learns on changes itself, and the one before is still to be asked.
        fresh, dropped = load(request.model, device=request.device), ()
        fresh.operate(model.operating_points_)
    rejected, patches = _reject(fresh, request.defects, notes, progress)
    learnt = _learn(fresh, request.good, notes, progress)
    if request.kind == "update" and not (learnt or rejected):
        raise ImagesError(" ".join(["there is nothing new to learn.", *notes]))
    history = _judged_again(model, fresh, request.history, notes, progress)
    fresh.save(request.out)
    moved = [move for move in moves_between(model, fresh) if move.rank_before != move.rank_after]
    return FitResult(
        before=before,
        after=Standing.of(fresh),
        points=tuple(
            PointChange(
                name=point.name,
                rule=point.rule,
                before=model.operating_points_[point.name].threshold,
                after=point.threshold,
            )
            for point in fresh.operating_points_
        ),
        dropped=dropped,
        learnt=learnt,
        rejected=rejected,
        patches_rejected=patches,
        moves=tuple(moved[:_MOST_MOVES]),
        history=history,
        notes=tuple(notes),
        seconds=perf_counter() - started,
    )


def _reject(
    model: "Detector", defects: Sequence[Correction], notes: list[str], progress: Progress
) -> tuple[tuple[str, ...], int]:
    """Have what matches the defects leave the model; return which inspections and how many patches."""
    there = _there(defects, notes)
    bank_model = _with_bank(model, bool(there), notes)
    if not there or bank_model is None:
        return (), 0
    before = len(bank_model.bank_)
    boxes = {_name(each): each.boxes for each in there if each.boxes}
    bank_model.reject(_images(there, defective=True), boxes=boxes, progress=progress)
    return tuple(each.inspection_id for each in there), before - len(bank_model.bank_)


def _learn(
    model: "Detector", good: Sequence[Correction], notes: list[str], progress: Progress
) -> tuple[str, ...]:
    """Learn from confirmed good parts; return which inspections."""
    known = set(model.training_.hashes)
    there = [each for each in _there(good, notes) if each.sha256 not in known]
    bank_model = _with_bank(model, bool(there), notes)
    if not there or bank_model is None:
        return ()
    skipped = len(model.training_.skipped)
    bank_model.update(_images(there, defective=False), progress=progress)
    notes.extend(
        f"{skip.name} was not learnt from: {skip.reason}" for skip in model.training_.skipped[skipped:]
    )
    hashes = set(model.training_.hashes)
    return tuple(each.inspection_id for each in there if each.sha256 in hashes)


def _with_bank(model: "Detector", needed: bool, notes: list[str]) -> "BankDetector | None":
    from patchsieve.detectors.bank_detector import BankDetector

    if isinstance(model, BankDetector):
        return model
    note = f"a {model.system} model has no memory bank that corrections could go into"
    if needed and note not in notes:
        notes.append(note)
    return None


def _there(corrections: Iterable[Correction], notes: list[str]) -> list[Correction]:
    """Return those whose originals are still there, each image once."""
    found: dict[str, Correction] = {}
    for each in corrections:
        if each.file.is_file():
            found.setdefault(each.sha256, each)
        else:
            notes.append(f"the image of {each.name} is gone")
    return list(found.values())


def _name(correction: Correction) -> str:
    return training_name(correction.inspection_id, correction.name)


def _images(corrections: Sequence[Correction], *, defective: bool) -> ImageSet:
    records = tuple(ImageRecord(_name(each), each.file, defective=defective) for each in corrections)
    return ImageSet(corrections[0].file.parent, "folder", records)


def _judged_again(
    before: "Detector", after: "Detector", history: Sequence[Past], notes: list[str], progress: Progress
) -> HistoryChange:
    there = [past for past in history if past.file.is_file()]
    if len(there) < len(history):
        notes.append(
            f"the images of {len(history) - len(there)} inspections are gone: they were not compared"
        )
    unknown = [past for past in there if past.score is None]
    old = {past.inspection_id: past.score for past in there if past.score is not None}
    old |= _scores(before, unknown, progress)
    new = _scores(after, there, progress)
    changed = []
    counts = dict.fromkeys(
        ("images", "alarms_before", "alarms_after", "judged", "right_before", "right_after"), 0
    )
    for past in there:
        if past.inspection_id not in old or past.inspection_id not in new:
            continue
        was, now = old[past.inspection_id], new[past.inspection_id]
        verdict_was, verdict_now = _verdict(was, before.threshold_), _verdict(now, after.threshold_)
        counts["images"] += 1
        counts["alarms_before"] += verdict_was == "defect"
        counts["alarms_after"] += verdict_now == "defect"
        counts["judged"] += past.human is not None
        counts["right_before"] += past.human == verdict_was
        counts["right_after"] += past.human == verdict_now
        if verdict_was != verdict_now:
            changed.append(
                VerdictChange(
                    inspection_id=past.inspection_id,
                    name=past.name,
                    score_before=was,
                    score_after=now,
                    verdict_before=verdict_was,
                    verdict_after=verdict_now,
                    human=past.human,
                )
            )
    return HistoryChange(**counts, changed=tuple(changed))


def _verdict(score: float, threshold: float) -> Literal["good", "defect"]:
    return "defect" if score > threshold else "good"


def _scores(model: "Detector", history: Sequence[Past], progress: Progress) -> dict[str, float]:
    """Return the scores by inspection, of those whose images can be decoded."""
    if not history:
        return {}
    records = tuple(ImageRecord(past.inspection_id, past.file) for past in history)
    images = ImageSet(history[0].file.parent, "folder", records)
    return {
        name: score
        for part in model.iter_predict(images, progress=progress)
        for name, score in zip(part.images.names, part.scores.tolist(), strict=True)
    }
