"""The memory that a fit may take: where it comes from and how it is shared out."""

from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.detectors import PatchCore, SoftPatch, budget
from patchsieve.detectors.budget import FIXED_BYTES, PATCH_BYTES, SMALLEST, Budget, machine_memory
from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures
from patchsieve.features.feature_file import FeatureFile

GIB = 2**30
CPU = torch.device("cpu")
MACHINE = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (b"max\n", MACHINE),
        (b"3221225472\n", min(MACHINE, 3 * GIB)),
        (b"536870912", min(MACHINE, GIB // 2)),
        (b"%d\n" % (2 * MACHINE), MACHINE),
        (b"", MACHINE),
        (b"-1\n", MACHINE),
        (b"3 GiB\n", MACHINE),
        (b"\xff\xfe\x00", MACHINE),
        (None, MACHINE),
    ],
    ids=str,
)
def test_the_memory_is_that_of_the_container_where_it_has_a_limit(
    limit: bytes | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_bytes(limit)
    monkeypatch.setattr(budget, "_CONTROL_GROUP_LIMIT", file)
    assert machine_memory() == expected
    assert Budget.of(None, CPU).total == expected // 2


def test_what_the_user_sets_counts_and_not_the_machine() -> None:
    assert Budget.of(3 * GIB, CPU).total == 3 * GIB
    assert SoftPatch(memory_budget=5 * GIB).budget(CPU).total == 5 * GIB


@pytest.mark.parametrize("setting", [-1, 0, 1, SMALLEST - 1])
def test_a_budget_too_small_to_work_at_all_is_refused(setting: int) -> None:
    with pytest.raises(ConfigError, match=f"memory_budget is {setting} bytes: at least 2 GiB are needed"):
        PatchCore(memory_budget=setting).fit("not even looked for")
    PatchCore(memory_budget=SMALLEST).check()


@given(st.integers(SMALLEST, 2**50), st.integers(0, 2**50))
def test_features_stay_in_memory_up_to_four_tenths_of_it(total: int, size: int) -> None:
    assert Budget(total).keeps(size) == (10 * size <= 4 * total)


@given(st.integers(SMALLEST, 2**45), st.integers(0, 2**36), st.integers(0, 2**45))
def test_what_is_left_and_what_is_taken_are_the_whole(total: int, patches: int, resident: int) -> None:
    left = Budget(total).left(patches, resident)
    taken = FIXED_BYTES + PATCH_BYTES * patches + resident
    # A fit that cannot keep its budget is planned and warned of; it does not stop at nothing.
    assert left == total - taken or (left == 2**26 and total - taken < 2**26)


def test_features_in_a_file_leave_more_for_the_coreset(tmp_path: Path) -> None:
    data = torch.zeros(50, 8, 8, 16)
    (tmp_path / "features").write_bytes(data.numpy().tobytes())
    filed = PatchFeatures(FeatureFile(tmp_path / "features", torch.float32, tuple(data.shape)))  # type: ignore[arg-type]
    whole = Budget(4 * GIB)
    assert whole.for_coreset(filed) - whole.for_coreset(PatchFeatures(data)) == data.nbytes
    assert whole.for_coreset(filed) == whole.left(50 * 64, 0)
