import threading

import pytest

from patchsieve.station.errors import Busy
from patchsieve.station.security import LoginThrottle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(throttle: LoginThrottle, name: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.begin(name, address)


def test_after_five_failures_each_try_waits_longer() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    fail(throttle, "mei", "10.0.0.1", 5)
    waits = []
    for _ in range(12):
        with pytest.raises(Busy) as refusal:
            throttle.begin("mei", "10.0.0.1")
        waits.append(refusal.value.retry_after)
        clock.now += refusal.value.retry_after
        throttle.begin("mei", "10.0.0.1")
    assert waits == sorted(waits)
    assert waits[0] <= 2
    assert waits[-1] == 301


def test_a_refused_try_does_not_prolong_the_wait() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    fail(throttle, "mei", "10.0.0.1", 5)
    for _ in range(100):
        with pytest.raises(Busy):
            throttle.begin("mei", "10.0.0.1")
    clock.now += 1.5
    throttle.begin("mei", "10.0.0.1")


def test_a_stranger_does_not_lock_somebody_out_from_elsewhere() -> None:
    throttle = LoginThrottle(Clock())
    fail(throttle, "mei", "10.6.6.6", 5)
    throttle.begin("mei", "10.0.0.1")


def test_an_address_that_tries_many_names_waits() -> None:
    throttle = LoginThrottle(Clock())
    for number in range(20):
        throttle.begin(f"user{number}", "10.6.6.6")
    with pytest.raises(Busy):
        throttle.begin("mei", "10.6.6.6")
    throttle.begin("mei", "10.0.0.1")


def test_a_name_that_is_tried_from_many_addresses_waits() -> None:
    throttle = LoginThrottle(Clock())
    for number in range(50):
        throttle.begin("mei", f"10.6.6.{number}")
    with pytest.raises(Busy):
        throttle.begin("MEI", "10.0.0.1")


def test_success_forgets_and_so_does_time() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    fail(throttle, "mei", "10.0.0.1", 5)
    clock.now += 2
    throttle.begin("mei", "10.0.0.1")
    throttle.succeeded("mei", "10.0.0.1")
    fail(throttle, "mei", "10.0.0.1", 5)
    clock.now += 15 * 60 + 1
    fail(throttle, "mei", "10.0.0.1", 5)


def test_many_tries_at_the_same_moment_are_all_counted() -> None:
    throttle = LoginThrottle(Clock())
    passed = []

    def guess() -> None:
        try:
            throttle.begin("mei", "10.0.0.1")
        except Busy:
            return
        passed.append(1)

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 5


def test_memory_does_not_grow_with_the_number_of_guesses() -> None:
    throttle = LoginThrottle(Clock())
    for number in range(8000):
        throttle.begin(f"user{number}", f"10.0.{number // 256}.{number % 256}")
    assert len(throttle._failures) == 10_000
