import threading
from collections.abc import Callable

import numpy as np
import pytest

from patchsieve.decisions import Costs, OperatingPoint, Purpose
from patchsieve.detectors import load
from patchsieve.station.errors import Conflict, Invalid, NotFound
from patchsieve.station.running import Station
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.services.thresholds import Goal

Inspect = Callable[..., Inspection]


@pytest.fixture
def judged(station: Station, inspect: Inspect) -> list[Inspection]:
    """Six good parts and four defective ones, all but the last of each judged by a person."""
    found = [inspect(400 + place, defective=place >= 6) for place in range(10)]
    for place, one in enumerate(found):
        if place not in (5, 9):
            station.history.judge(one.id, "defect" if place >= 6 else "good", by="wei")
    return [station.history.get(one.id) for one in found]


def test_a_version_begins_with_the_points_of_its_file(station: Station, small_model) -> None:
    (point,) = station.thresholds.points("line7")
    model = load(small_model)
    assert (point.name, point.is_default, point.by) == ("default", True, "serve")
    assert point.threshold == model.threshold_
    assert point.words == model.operating_points_[None].words


def test_verdicts_follow_the_point_that_is_in_use(station: Station, inspect: Inspect) -> None:
    assert inspect(400).verdict == "good"
    station.thresholds.change("line7", "strict", Goal(threshold=1.0), by="wei")
    assert inspect(401).verdict == "good"
    station.thresholds.use("line7", "strict", by="anna")
    strict = inspect(402)
    assert (strict.verdict, strict.operating_point, strict.threshold) == ("defect", "strict", 1.0)
    station.thresholds.change("line7", "strict", Goal(threshold=1e6), by="wei")
    assert inspect(403).verdict == "good"


def test_who_changed_what_and_when_is_kept(station: Station) -> None:
    thresholds = station.thresholds
    thresholds.change("line7", "default", Goal(threshold=5.0), by="wei")
    thresholds.change("line7", "strict", Goal(threshold=4.0), by="anna")
    thresholds.use("line7", "strict", by="anna")
    thresholds.remove("line7", "default", by="wei")
    assert [point.name for point in thresholds.points("line7")] == ["strict"]
    changes = thresholds.changes("line7")
    assert [(one.name, one.by, one.is_default, one.until is None) for one in changes] == [
        ("strict", "anna", True, True),
        ("default", "anna", False, False),
        ("strict", "anna", False, False),
        ("default", "wei", True, False),
        ("default", "serve", True, False),
    ]
    told = station.audit.entries(action="threshold.")
    assert [(entry.action, entry.who, entry.subject) for entry in told] == [
        ("threshold.remove", "wei", "line7/default"),
        ("threshold.use", "anna", "line7"),
        ("threshold.change", "anna", "line7/strict"),
        ("threshold.change", "wei", "line7/default"),
    ]
    assert told[3].after == {"threshold": 5.0, "rule": "value 5"}


def test_a_point_by_false_alarms_is_that_of_the_command_line(station: Station, small_model) -> None:
    point = station.thresholds.change("line7", "few", Goal(false_alarms=0.005), by="wei")
    expected = OperatingPoint.for_false_alarms("few", load(small_model).training_.scores, 0.005)
    assert (point.threshold, point.rule) == (expected.threshold, expected.rule)


def test_a_point_is_chosen_on_what_people_judged(station: Station, judged: list[Inspection]) -> None:
    point = station.thresholds.change("line7", "found", Goal(purpose=Purpose("recall", 0.9)), by="wei")
    good = max(one.score for one in judged if one.human_verdict == "good")
    defective = min(one.score for one in judged if one.human_verdict == "defect")
    assert good < point.threshold < defective
    assert point.rule == "recall >= 0.9"


def test_a_purpose_needs_judged_inspections_of_both_kinds(station: Station, inspect: Inspect) -> None:
    station.history.judge(inspect(400).id, "good", by="wei")
    with pytest.raises(Conflict, match="judge inspections of both kinds"):
        station.thresholds.change("line7", "found", Goal(purpose=Purpose("f1")), by="wei")


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("", Goal(threshold=1.0)),
        (" a", Goal(threshold=1.0)),
        ("a/b", Goal(threshold=1.0)),
        ("a\x00", Goal(threshold=1.0)),
        ("a" * 61, Goal(threshold=1.0)),
        ("a", Goal()),
        ("a", Goal(threshold=1.0, false_alarms=0.1)),
        ("a", Goal(threshold=float("nan"))),
        ("a", Goal(threshold=float("inf"))),
        ("a", Goal(false_alarms=0.0)),
        ("a", Goal(false_alarms=2.0)),
    ],
)
def test_goals_that_cannot_be_are_refused(station: Station, name: str, goal: Goal) -> None:
    with pytest.raises(Invalid):
        station.thresholds.change("line7", name, goal, by="wei")


def test_the_point_in_use_is_not_removed(station: Station) -> None:
    with pytest.raises(Conflict, match="use another point first"):
        station.thresholds.remove("line7", "default", by="wei")
    with pytest.raises(NotFound):
        station.thresholds.remove("line7", "strict", by="wei")
    with pytest.raises(NotFound):
        station.thresholds.use("line7", "strict", by="wei")


def test_of_many_who_change_a_point_at_once_the_last_counts(station: Station) -> None:
    def change(value: int) -> None:
        station.thresholds.change("line7", "default", Goal(threshold=float(value)), by=f"user {value}")

    threads = [threading.Thread(target=change, args=(value,)) for value in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (point,) = station.thresholds.points("line7")
    changes = station.thresholds.changes("line7")
    assert len(changes) == 7
    assert changes[0] == point


def test_costs_on_the_history_are_counted_among_what_people_judged(
    station: Station, judged: list[Inspection]
) -> None:
    for threshold in np.linspace(0, 100, 9).tolist():
        found = station.thresholds.cost("line7", threshold)
        known = [one for one in judged if one.human_verdict]
        labels = np.array([one.human_verdict == "defect" for one in known])
        scores = np.array([one.score for one in known])
        assert found.costs == Costs.of(labels, scores > threshold)
        assert found.unjudged == 2
        assert found.unjudged_alarms == sum(
            one.score > threshold for one in judged if one.human_verdict is None
        )
        assert "judged 8 of 10" in found.notes[0]


def test_without_judged_inspections_nothing_is_known_of_costs(station: Station, inspect: Inspect) -> None:
    inspect(400)
    found = station.thresholds.cost("line7", 1.0)
    assert found.costs.false_alarms_per_1000 is None
    assert "nobody has judged" in found.notes[0]


def test_the_histogram_counts_every_score_once(station: Station, judged: list[Inspection]) -> None:
    found = station.thresholds.histogram("line7")
    assert (sum(found.good), sum(found.defective), sum(found.unjudged)) == (5, 3, 2)
    assert sum(found.training) == station.lines.version("line7").training_images
    assert len(found.edges) == len(found.good) + 1
    assert found.edges[0] <= min(one.score for one in judged)
    assert found.edges[-1] >= max(one.score for one in judged)
