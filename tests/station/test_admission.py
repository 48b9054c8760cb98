"""How many requests are let in, and when the others are told to come again."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from patchsieve.station.admission import Admission
from patchsieve.station.errors import Busy


def refused(admission: Admission) -> int:
    with pytest.raises(Busy) as busy, admission.room():
        pass
    return busy.value.retry_after


def test_nothing_is_known_of_the_pace_at_first_and_the_refused_come_again_soon() -> None:
    async def ask() -> int:
        admission = Admission(waiting=8, working=1)
        with ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(admission.room())
            return refused(admission)

    assert asyncio.run(ask()) == 1


def test_who_is_sent_away_is_told_when_half_of_the_others_will_be_answered() -> None:
    async def ask() -> int:
        admission = Admission(waiting=12, working=1)

        async def one() -> None:
            with admission.room():
                await admission.work(lambda: time.sleep(0.3))

        tasks = [asyncio.create_task(one()) for _ in range(12)]
        await asyncio.sleep(1.3)
        answered = sum(task.done() for task in tasks)
        tasks += [asyncio.create_task(one()) for _ in range(answered)]
        await asyncio.sleep(0)
        told = refused(admission)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return told

    # Six at 0.3 seconds each; more where the machine is slow.
    assert asyncio.run(ask()) >= 2
