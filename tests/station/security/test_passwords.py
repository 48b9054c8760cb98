import time

import pytest

from patchsieve.station.errors import Invalid
from patchsieve.station.security import (
    hash_password,
    password_fits,
    password_is_outdated,
    require_good_password,
)

# Argon2id of "correct horse" with less memory and time than today's.
WEAK = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"


def test_a_hash_fits_its_password_only_and_never_twice_the_same() -> None:
    first, second = hash_password("correct horse battery"), hash_password("correct horse battery")
    assert first != second
    assert first.startswith("$argon2id$")
    assert "correct" not in first
    assert password_fits("correct horse battery", first)
    assert not password_fits("correct horse batterz", first)
    assert not password_is_outdated(first)
    assert password_is_outdated(WEAK + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")


def test_the_same_characters_typed_elsewhere_are_the_same_password() -> None:
    # Full-width letters of a Chinese input method, and an accent as a character of its own.
    assert password_fits("\uff43afe\u0301 缺陷检测 2026", hash_password("caf\u00e9 缺陷检测 2026"))


def test_a_broken_hash_fits_nothing() -> None:
    assert not password_fits("", "")
    assert not password_fits("anything at all", "$argon2id$broken")
    assert not password_fits("anything at all", None)


def test_nobody_is_refused_as_slowly_as_somebody() -> None:
    known = hash_password("correct horse battery")

    def seconds(password_hash: str | None) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            assert not password_fits("wrong horse battery", password_hash)
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds(None) > 0.5 * seconds(known)


@pytest.mark.parametrize(
    "password", ["short", "x" * 1001, "mei.lin@line7", "MEI.LIN@line7", "\uff4dei.lin@line7"]
)
def test_what_is_no_password(password: str) -> None:
    with pytest.raises(Invalid):
        require_good_password(password, "mei.lin@line7")


def test_any_ten_characters_are_a_password() -> None:
    require_good_password("一二三四五六七八九十", "mei")
