"""Blocks side by side: the same results in the same order, and the threads of torch as they were."""

import os
import signal
from collections.abc import Iterator
from threading import Event, current_thread

import pytest
import torch

from patchsieve.parallel import even_rows, map_ahead, map_blocks, start_blocks

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_results_come_in_order(threads: int, count: int) -> None:
    assert map_blocks(lambda block: block * block, range(count), CPU) == [n * n for n in range(count)]
    assert torch.get_num_threads() == threads


def test_each_block_has_one_thread_of_torch_to_itself(threads: int) -> None:
    seen = map_blocks(lambda _: (torch.get_num_threads(), current_thread().name), range(20), CPU)
    assert {torch_threads for torch_threads, _ in seen} == {1}
    assert len({name for _, name in seen}) <= threads


def test_a_single_block_is_worked_on_by_all_threads_of_torch_unless_it_is_put_aside(threads: int) -> None:
    def count(_: int) -> tuple[int, str]:
        return torch.get_num_threads(), current_thread().name

    here = (threads, current_thread().name)
    assert start_blocks(count, [1], CPU)() == [here]
    (aside,) = start_blocks(count, [1], CPU, aside=True)()
    assert aside[0] == 1
    assert (aside == here) == (threads == 1)


def test_what_is_put_aside_goes_on_while_others_work() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    begun, go_on = Event(), Event()

    def work(block: int) -> int:
        begun.set()
        assert go_on.wait(20)
        return -block

    wait = start_blocks(work, [3], CPU, aside=True)
    assert begun.wait(20)
    assert map_blocks(abs, [-7], CPU) == [7]
    go_on.set()
    assert wait() == [-3]
    torch.set_num_threads(before)


def test_a_failure_comes_through_and_leaves_the_threads_as_they_were(threads: int) -> None:
    def fail(block: int) -> None:
        raise ValueError(f"block {block}")

    with pytest.raises(ValueError, match="block 0"):
        map_blocks(fail, range(5), CPU)
    assert torch.get_num_threads() == threads


def test_the_same_threads_do_the_next_work(threads: int) -> None:
    def names() -> set[str]:
        return set(map_blocks(lambda _: current_thread().name, range(20), CPU))

    first = names()
    assert len(first | names()) <= threads


@pytest.mark.usefixtures("threads")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    assert map_blocks(abs, range(4), CPU) == [0, 1, 2, 3]
    child = os.fork()
    if child == 0:
        # An alarm ends a child that waits for threads which it does not have.
        signal.alarm(20)
        os._exit(0 if map_blocks(abs, range(4), CPU) == [0, 1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(("total", "most"), [(0, 5), (1, 5), (784, 262), (784, 10_000), (12_544, 419)])
def test_every_thread_has_as_many_rows(threads: int, total: int, most: int) -> None:
    rows = even_rows(total, most)
    sizes = [len(block) for block in torch.split(torch.zeros(total), rows) if len(block)]
    assert 1 <= rows <= most
    assert sum(sizes) == total
    assert total <= threads or len(sizes) % threads == 0


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_work_ahead_comes_in_order_and_no_farther_than_asked(threads: int, ahead: int) -> None:
    asked = []

    def numbers() -> Iterator[int]:
        for number in range(9):
            asked.append(number)
            yield number

    done = []
    for result in map_ahead(lambda number: (number, torch.get_num_threads()), numbers(), CPU, ahead):
        done.append(result)
        assert len(asked) <= len(done) + ahead
    assert done == [(number, 1 if ahead else threads) for number in range(9)]


@pytest.mark.usefixtures("threads")
def test_what_was_done_before_a_failure_is_not_lost() -> None:
    results = map_ahead(lambda number: 6 // number, [3, 2, 0, 1], CPU, 1)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
