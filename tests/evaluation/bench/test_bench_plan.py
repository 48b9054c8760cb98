"""Plans: every combination once, and settings where they belong."""

from pathlib import Path

import pytest

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.evaluation.bench import (
    BenchPlan,
    Category,
    Condition,
    System,
    categories,
    conditions,
    varied,
    with_settings,
)

PADIM = System("padim", "padim")
SOFTPATCH = System("softpatch", "softpatch", {"tau": 0.1})


def test_conditions_combine_all_but_what_does_not_exist_without_noise() -> None:
    assert conditions([0, 0.1], ["none", "same"], range(2)) == (
        Condition(0, "none", 0),
        Condition(0, "none", 1),
        Condition(0.1, "none", 0),
        Condition(0.1, "none", 1),
        Condition(0.1, "same", 0),
        Condition(0.1, "same", 1),
    )
    assert len(conditions([0.1, 0.1], ["same", "same"], [0])) == 1


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="noise rate"):
        conditions([rate], ["none"], [0])


def test_every_combination_is_a_cell_once() -> None:
    folders = (Category("data", "a", Path("a")), Category("data", "b", Path("b")))
    plan = BenchPlan(folders, (PADIM, SOFTPATCH), conditions([0, 0.1], ["same"], range(3)))
    cells = plan.all_cells
    assert len({cell.key for cell in cells}) == len(cells) == 2 * 2 * 6


def test_names_that_are_there_twice_or_not_at_all_are_refused() -> None:
    folder = Category("data", "a", Path("a"))
    for systems, folders in (((PADIM, PADIM), (folder,)), ((PADIM,), (folder, folder)), ((), (folder,))):
        with pytest.raises(ConfigError):
            BenchPlan(folders, systems, (Condition(),))


def test_categories_are_found_by_data_set(dataset: Path) -> None:
    found, skipped = categories([dataset])
    assert [(one.dataset, one.name) for one in found] == [("plates", "thick"), ("plates", "thin")]
    assert skipped == ()
    (alone,), _ = categories([dataset / "thin"])
    assert (alone.dataset, alone.name) == ("thin", "thin")
    (chosen,), _ = categories([dataset], only=["thin"])
    assert chosen.folder == dataset / "thin"
    (named,), _ = categories([dataset / "thin"], layout="good_bad")
    assert named.layout == "good_bad"
    with pytest.raises(ImagesError, match=r"'zinc'.*thick"):
        categories([dataset], only=["zinc"])


def test_a_setting_goes_to_those_that_have_it() -> None:
    padim, softpatch = with_settings([PADIM, SOFTPATCH], {"tau": 0.3, "sigma": 2.0})
    assert padim.settings == {"sigma": 2.0}
    assert softpatch.settings == {"tau": 0.3, "sigma": 2.0}
    with pytest.raises(ConfigError, match="no_such"):
        with_settings([PADIM], {"no_such": 1})


def test_a_varied_setting_makes_a_system_of_each_value() -> None:
    half, whole = varied([SOFTPATCH], "tau", [0.05, 0.1])
    assert (half.name, half.settings, half.varied, half.base) == (
        "softpatch tau=0.05",
        {"tau": 0.05},
        ("tau", 0.05),
        "softpatch",
    )
    assert whole.settings == {"tau": 0.1}
    for systems, values in (([PADIM], [0.1]), ([SOFTPATCH], [0.1, 0.1]), ([SOFTPATCH], []), ([half], [1])):
        with pytest.raises(ConfigError):
            varied(systems, "tau", values)
