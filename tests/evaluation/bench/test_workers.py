"""Processes that answer tasks: all are answered, whichever dies, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from patchsieve.evaluation.bench.workers import Died, Workers

FATAL = -1


def square(number: int) -> int:
    if number == FATAL:
        # After its neighbours have begun, so that they are lost with it.
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return number * number


def refuse(number: int) -> int:
    raise ValueError(f"not {number}")


def test_all_tasks_are_answered_once() -> None:
    with Workers(2, square) as workers:
        answers = list(workers.answers(range(7)))
    assert sorted(answers) == [(number, number * number) for number in range(7)]


@pytest.mark.parametrize("place", [0, 4])
def test_only_the_task_that_kills_its_process_is_lost(place: int) -> None:
    tasks = [1, 2, 3, 4]
    tasks.insert(place, FATAL)
    with Workers(2, square) as workers:
        answers = dict(workers.answers(tasks))
    assert isinstance(answers.pop(FATAL), Died)
    assert answers == {1: 1, 2: 4, 3: 9, 4: 16}


@pytest.mark.slow
def test_several_that_kill_are_each_told_from_the_rest() -> None:
    with Workers(2, square) as workers:
        answers = list(workers.answers([FATAL, FATAL, 3, FATAL]))
    assert [isinstance(answer, Died) for task, answer in answers if task == FATAL] == [True] * 3
    assert [answer for task, answer in answers if task == 3] == [9]


def test_an_exception_is_the_callers() -> None:
    with Workers(1, refuse) as workers, pytest.raises(ValueError, match="not 5"):
        list(workers.answers([5]))


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from patchsieve.evaluation.bench.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2, time.sleep) as workers:\n"
        "        for task, _ in workers.answers([0, 0, 600, 600]):\n"
        "            print(task, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    for _ in range(2):
        assert parent.stdout.readline() == b"0\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
