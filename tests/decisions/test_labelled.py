"""Thresholds from labels, held against plain enumeration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.decisions import PROFILES, Costs, Purpose, clopper_pearson, labelled_threshold
from patchsieve.errors import ConfigError, ImagesError

labelled_scores = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=25).filter(
    lambda rows: 0 < sum(bad for bad, _ in rows) < len(rows)
)
shares = st.floats(0.05, 1)


def figures(rows: list[tuple[bool, int]], threshold: float) -> dict[str, float]:
    """What a threshold does, counted one by one."""
    found = sum(bad and score > threshold for bad, score in rows)
    alarms = sum(not bad and score > threshold for bad, score in rows)
    defective = sum(bad for bad, _ in rows)
    return {
        "recall": found / defective,
        "false_alarms": alarms / (len(rows) - defective),
        "precision": found / (found + alarms) if found + alarms else 0.0,
        "f1": 2 * found / (found + alarms + defective),
    }


def every_threshold(rows: list[tuple[bool, int]]) -> list[dict[str, float]]:
    return [figures(rows, step - 0.5) for step in range(14)]


def chosen(rows: list[tuple[bool, int]], purpose: Purpose) -> tuple[dict[str, float], bool]:
    found = labelled_threshold([bad for bad, _ in rows], [score for _, score in rows], purpose)
    return figures(rows, found.threshold), found.reached


@settings(deadline=None)
@given(rows=labelled_scores, target=shares)
def test_a_recall_is_reached_with_the_fewest_false_alarms(
    rows: list[tuple[bool, int]], target: float
) -> None:
    got, reached = chosen(rows, Purpose("recall", target))
    assert reached
    assert got["recall"] >= target
    assert got["false_alarms"] == min(
        one["false_alarms"] for one in every_threshold(rows) if one["recall"] >= target
    )


@settings(deadline=None)
@given(rows=labelled_scores, target=shares)
def test_a_precision_is_reached_with_the_highest_recall_or_said_not_to_be(
    rows: list[tuple[bool, int]], target: float
) -> None:
    got, reached = chosen(rows, Purpose("precision", target))
    enough = [one["recall"] for one in every_threshold(rows) if one["precision"] >= target]
    assert reached == bool(enough)
    if reached:
        assert got["recall"] == max(enough)
    else:
        assert got["precision"] == max(one["precision"] for one in every_threshold(rows))


@settings(deadline=None)
@given(rows=labelled_scores, miss=st.floats(0.1, 100), prevalence=st.floats(0.01, 0.99))
def test_no_threshold_does_better(rows: list[tuple[bool, int]], miss: float, prevalence: float) -> None:
    everything = every_threshold(rows)
    assert chosen(rows, Purpose("f1"))[0]["f1"] == max(one["f1"] for one in everything)
    youden = [one["recall"] - one["false_alarms"] for one in everything]
    got = chosen(rows, Purpose("youden"))[0]
    assert got["recall"] - got["false_alarms"] == pytest.approx(max(youden))

    def cost(one: dict[str, float]) -> float:
        return prevalence * miss * (1 - one["recall"]) + (1 - prevalence) * one["false_alarms"]

    got = chosen(rows, Purpose("cost", miss=miss, prevalence=prevalence))[0]
    assert cost(got) == pytest.approx(min(map(cost, everything)))


@settings(deadline=None)
@given(rows=labelled_scores, profile=st.sampled_from(sorted(PROFILES)))
def test_a_profile_is_reached_where_it_can_be(rows: list[tuple[bool, int]], profile: str) -> None:
    recall, precision = PROFILES[profile]
    got, reached = chosen(rows, Purpose("profile", profile=profile))
    possible = [
        one for one in every_threshold(rows) if one["recall"] > recall and one["precision"] > precision
    ]
    assert reached == bool(possible)
    if reached:
        assert got in possible


@settings(deadline=None)
@given(rows=labelled_scores, low=shares, high=shares)
def test_more_recall_never_has_a_higher_threshold(
    rows: list[tuple[bool, int]], low: float, high: float
) -> None:
    labels, scores = zip(*rows, strict=True)
    thresholds = [
        labelled_threshold(labels, scores, Purpose("recall", target)).threshold
        for target in sorted((low, high))
    ]
    assert thresholds[0] >= thresholds[1]


@settings(deadline=None)
@given(
    rows=labelled_scores, goal=st.sampled_from(["f1", "youden", "cost"]), factor=st.sampled_from([0.25, 8.0])
)
def test_it_lives_on_the_scale_of_the_scores(rows: list[tuple[bool, int]], goal: str, factor: float) -> None:
    labels, scores = zip(*((bad, score + 1) for bad, score in rows), strict=True)
    plain = labelled_threshold(labels, scores, Purpose(goal))  # type: ignore[arg-type]
    scaled = labelled_threshold(labels, factor * np.array(scores), Purpose(goal))  # type: ignore[arg-type]
    assert scaled.threshold == pytest.approx(factor * plain.threshold)
    assert scaled.costs == plain.costs


def test_the_costs_are_judged_by_thresholds_of_other_images() -> None:
    """Scores that mean nothing: hindsight finds something in them, other images do not."""
    flattered, judged = [], []
    labels = np.arange(60) % 2 == 0
    for seed in range(24):
        scores = np.random.default_rng(seed).normal(size=60)
        found = labelled_threshold(labels, scores, Purpose("youden"))
        flattered.append(youden(Costs.of(labels, scores > found.threshold)))
        judged.append(youden(found.costs))
    assert np.mean(flattered) > 0.1
    assert np.mean(judged) < 0.05


def youden(costs: Costs) -> float:
    return 1 - costs.misses / costs.defective - costs.false_alarms / costs.good


def test_costs_count_and_have_intervals() -> None:
    labels = np.array([True] * 20 + [False] * 50)
    alarms = np.array([True] * 18 + [False] * 2 + [True] * 5 + [False] * 45)
    costs = Costs.of(labels, alarms)
    assert (costs.misses, costs.false_alarms) == (2, 5)
    assert costs.misses_per_100 == 10
    assert costs.false_alarms_per_1000 == 100
    assert costs.precision == 18 / 23
    assert costs.recall == 0.9
    assert costs.misses_interval == tuple(100 * end for end in clopper_pearson(2, 20))
    assert costs.in_words.startswith(
        "100 (40.2 to 199) false alarms per 1000 good parts, 10 (1.81 to 28.3) misses"
    )
    every = Costs.of(labels, np.ones(70, bool))
    assert every.false_alarms_text == "1000 (942 to 1000)"
    none = Costs.of(labels[:20], alarms[:20])
    assert none.false_alarms_per_1000 is None
    assert "unknown false alarms" in none.in_words


def test_what_the_images_cannot_show_is_said() -> None:
    labels, scores = [1] * 10 + [0] * 30, [*range(20, 30), *range(30)]
    critical = labelled_threshold(labels, scores, Purpose("profile", profile="critical"))
    assert critical.reached
    assert any("10 defective images cannot show a recall of 99 %" in note for note in critical.notes)
    final = labelled_threshold(labels, [5] * 40, Purpose("profile", profile="final"))
    assert not final.reached
    assert "no threshold reaches profile final: recall > 0.8, precision > 0.9" in final.notes[0]
    few = labelled_threshold([1, 0, 0], [3, 1, 2], Purpose("f1"))
    assert any("too few to judge the threshold" in note for note in few.notes)


@pytest.mark.parametrize("labels", [[1, 1], [0, 0, 0]])
def test_both_kinds_are_needed(labels: list[int]) -> None:
    with pytest.raises(ImagesError, match="both kinds are needed"):
        labelled_threshold(labels, range(len(labels)), Purpose("f1"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"goal": "recall", "target": 1.2}, "recall is 1.2: it must be above 0 and at most 1"),
        ({"goal": "precision"}, "precision is None"),
        ({"goal": "profile", "profile": "brave"}, "choose one of screening, final, critical"),
        ({"goal": "cost", "miss": -1.0}, "numbers above 0"),
        ({"goal": "cost", "prevalence": 1.0}, "prevalence is 1.0"),
    ],
)
def test_a_purpose_that_cannot_be_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Purpose(**settings)  # type: ignore[arg-type]
