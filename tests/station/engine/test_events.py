"""Events from threads to watchers in an event loop, as the bytes that a browser reads."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator

from patchsieve.station.engine.events import MISSED, EventHub


def parsed(block: bytes) -> dict[str, str]:
    lines = block.decode().removesuffix("\n\n").split("\n")
    return dict(line.split(": ", 1) for line in lines)


async def begin(stream: AsyncIterator[bytes]) -> None:
    assert parsed(await anext(stream)) == {"retry": "2000"}


def test_events_reach_every_watcher_of_their_line_in_order() -> None:
    async def watch() -> tuple[list[int], list[int]]:
        hub = EventHub()
        everything, one_line = hub.stream(), hub.stream(line_id="a")
        await begin(everything)
        await begin(one_line)
        assert hub.watchers == 2

        def publish() -> None:
            for index in range(50):
                hub.publish("inspection", {"index": index}, line_id="ab"[index % 2])

        thread = threading.Thread(target=publish)
        thread.start()
        seen = [json.loads(parsed(await anext(everything))["data"])["index"] for _ in range(50)]
        of_a = [json.loads(parsed(await anext(one_line))["data"])["index"] for _ in range(25)]
        thread.join()
        return seen, of_a

    seen, of_a = asyncio.run(watch())
    assert seen == list(range(50))
    assert of_a == list(range(0, 50, 2))


def test_who_comes_back_gets_what_came_meanwhile() -> None:
    async def watch() -> list[dict[str, str]]:
        hub = EventHub()
        hub.publish("job", {"n": 1})
        last = hub.last_id
        hub.publish("job", {"n": 2})
        hub.publish("job", {"text": "two\nlines, 两行"})
        stream = hub.stream(last_event_id=last)
        await begin(stream)
        return [parsed(await anext(stream)) for _ in range(2)]

    second, third = asyncio.run(watch())
    assert json.loads(second["data"]) == {"n": 2}
    assert json.loads(third["data"]) == {"text": "two\nlines, 两行"}
    assert third["event"] == "job"
    assert third["id"].endswith("-3")


def test_who_was_away_too_long_or_across_a_restart_is_told_that_something_is_missing() -> None:
    async def watch(last_event_id: str | None) -> list[dict[str, str]]:
        hub = EventHub(keep=4)
        for index in range(10):
            hub.publish("job", {"n": index})
        if last_event_id is None:
            last_event_id = hub.last_id.split("-")[0] + "-3"
        stream = hub.stream(last_event_id=last_event_id)
        await begin(stream)
        return [parsed(await anext(stream)) for _ in range(5)]

    for last in (None, "0badcafe-3", "nonsense", "-", "x" * 9000):
        missed, *kept = asyncio.run(watch(last))
        assert missed["event"] == MISSED
        assert [json.loads(each["data"])["n"] for each in kept] == [6, 7, 8, 9]


def test_who_does_not_keep_up_loses_events_and_nobody_waits_for_him() -> None:
    async def watch() -> tuple[dict[str, str], int]:
        hub = EventHub(keep=8, limit=8)
        slow = hub.stream()
        await begin(slow)
        for index in range(1000):
            hub.publish("inspection", {"n": index})
        missed = parsed(await anext(slow))
        rest = 0
        for _ in range(8):
            event = parsed(await anext(slow))
            rest += 1
            if json.loads(event["data"])["n"] == 999:
                break
        assert json.loads(missed["data"])["events"] + rest == 1000
        return missed, rest

    missed, rest = asyncio.run(watch())
    assert missed["event"] == MISSED
    assert 0 < rest <= 8


def test_silence_is_broken_by_heartbeats_and_the_end_of_the_hub_ends_streams() -> None:
    async def watch() -> None:
        hub = EventHub(heartbeat=0.05)
        stream = hub.stream()
        await begin(stream)
        assert await anext(stream) == b": still here\n\n"
        hub.publish("job", {})
        hub.close()
        assert parsed(await anext(stream))["event"] == "job"
        assert [block async for block in stream] == []
        assert hub.watchers == 0
        assert [block async for block in hub.stream()] == [b"retry: 2000\n\n"]

    asyncio.run(asyncio.wait_for(watch(), 10))


def test_a_watcher_that_goes_is_forgotten() -> None:
    async def watch() -> None:
        hub = EventHub()
        stream = hub.stream()
        await begin(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert hub.watchers == 0
        hub.publish("job", {})

    asyncio.run(watch())
