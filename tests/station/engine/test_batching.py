"""A real model at work for many: batches, limits, fairness to those who leave, nothing lost at the end."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from patchsieve.detectors import Detector, load
from patchsieve.errors import BrokenImageError, ImagesError
from patchsieve.images import Pixels
from patchsieve.station.engine.batching import MicroBatcher
from patchsieve.station.errors import Busy, TooLarge, Unavailable


@pytest.fixture(scope="module")
def model(small_model: Path) -> Detector:
    return load(small_model, device="cpu")


class Slow:
    """The same model, that begins to score when it is let."""

    def __init__(self, model: Detector) -> None:
        self.model = model
        self.go = threading.Event()
        self.begun = threading.Event()

    def predict(self, images: object, **options: object) -> object:
        self.begun.set()
        assert self.go.wait(20)
        return self.model.predict(images, **options)


@pytest.fixture
def slow(model: Detector) -> Iterator[Slow]:
    slow = Slow(model)
    yield slow
    slow.go.set()


def test_many_at_a_time_get_what_each_would_get_alone(model: Detector, surfaces: list[Pixels]) -> None:
    sizes: list[int] = []
    batcher = MicroBatcher(model, batch_size=4, max_wait_seconds=0.5, seen=lambda size, _: sizes.append(size))
    with batcher.accept(len(surfaces)) as places:
        tickets = [places.score(pixels, f"part-{index}") for index, pixels in enumerate(surfaces)]
    rows = [ticket.result(20) for ticket in tickets]
    alone = [model.predict(pixels) for pixels in surfaces]
    for index, (row, one) in enumerate(zip(rows, alone, strict=True)):
        assert row.result.images.names == (f"part-{index}",)
        assert row.result.scores[0] == pytest.approx(one.scores[0], rel=1e-5)
        np.testing.assert_allclose(row.result.maps, one.maps, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(row.result.boxes, one.boxes)
        np.testing.assert_array_equal(row.result.sizes, one.sizes)
        assert row.result.verdicts == one.verdicts
    assert sum(sizes) == len(surfaces)
    assert max(sizes) == 4
    batcher.close()
    assert batcher.held == 0


def test_one_alone_waits_for_nobody(model: Detector, surfaces: list[Pixels]) -> None:
    batcher = MicroBatcher(model, batch_size=8, max_wait_seconds=30)
    with batcher.accept() as places:
        row = places.score(surfaces[0]).result(10)
    assert row.batch == 1
    assert row.waited < 5
    batcher.close()


def test_a_batch_waits_no_longer_than_it_may_for_images_on_their_way(
    model: Detector, surfaces: list[Pixels]
) -> None:
    batcher = MicroBatcher(model, batch_size=8, max_wait_seconds=0.2)
    with batcher.accept(2) as places:
        row = places.score(surfaces[0]).result(10)
        assert 0.19 < row.waited < 5
        assert row.batch == 1
        assert batcher.held == 1
    assert batcher.held == 0
    batcher.close()


def test_a_full_queue_says_when_to_come_back_and_takes_all_of_a_request_or_nothing(
    slow: Slow, surfaces: list[Pixels]
) -> None:
    batcher = MicroBatcher(slow, queue_size=3, batch_size=1)
    places = batcher.accept(2)
    with pytest.raises(Busy) as busy:
        batcher.accept(2)
    assert busy.value.retry_after >= 1
    assert batcher.held == 2
    with pytest.raises(TooLarge, match="fewer at once"):
        batcher.accept(4)
    slow.go.set()
    with places:
        first, second = places.score(surfaces[0]), places.score(surfaces[1])
        with pytest.raises(ValueError, match="places"):
            places.score(surfaces[2])
    first.result(20)
    second.result(20)
    # As fast as images are scored now: one of them in ten seconds makes room for one more.
    batcher._image_seconds = 10.0
    with batcher.accept(2), pytest.raises(Busy) as busy:
        batcher.accept(2)
    assert busy.value.retry_after == 10
    batcher.close()


def test_who_leaves_gives_the_place_back_and_is_not_scored(slow: Slow, surfaces: list[Pixels]) -> None:
    sizes: list[int] = []
    batcher = MicroBatcher(slow, queue_size=2, batch_size=4, seen=lambda size, _: sizes.append(size))
    with batcher.accept(2) as places:
        working = places.score(surfaces[0])
        assert slow.begun.wait(10)
        waiting = places.score(surfaces[1])
    assert waiting.cancel()
    assert not working.cancel()
    assert batcher.held == 1
    with batcher.accept() as places:
        last = places.score(surfaces[2])
    slow.go.set()
    assert working.result(20).result.scores.shape == last.result(20).result.scores.shape == (1,)
    with pytest.raises(CancelledError):
        waiting.result(1)
    batcher.close()
    assert sizes == [1, 1]


def test_one_that_cannot_be_scored_takes_nobody_with_it(model: Detector, surfaces: list[Pixels]) -> None:
    batcher = MicroBatcher(model, batch_size=3, max_wait_seconds=1)
    with batcher.accept(3) as places:
        good = places.score(surfaces[0], "good.png")
        empty = places.score(np.zeros((0, 4, 3), np.uint8), "empty.png")
        other = places.score(surfaces[1], "other.png")
    assert good.result(20).result.scores[0] == pytest.approx(model.predict(surfaces[0]).scores[0], rel=1e-5)
    with pytest.raises((BrokenImageError, ImagesError)):
        empty.result(20)
    assert other.result(20).result.images.names == ("other.png",)
    batcher.close()


def test_a_failure_of_the_model_is_told_to_those_it_hits_and_to_no_other(
    model: Detector, surfaces: list[Pixels]
) -> None:
    class Failing:
        def predict(self, images: list[object]) -> object:
            if any(record.pixels is surfaces[1] for record in images):
                raise MemoryError("no memory")
            return model.predict(images)

    batcher = MicroBatcher(Failing(), batch_size=3, max_wait_seconds=1)
    with batcher.accept(3) as places:
        tickets = [places.score(pixels) for pixels in surfaces[:3]]
    assert tickets[0].result(20).result.scores.shape == (1,)
    assert tickets[2].result(20).result.scores.shape == (1,)
    with pytest.raises(MemoryError):
        tickets[1].result(20)
    batcher.close()


def test_whatever_goes_wrong_besides_those_who_come_later_are_served(
    model: Detector, surfaces: list[Pixels]
) -> None:
    class Odd:
        def predict(self, images: list[object]) -> object:
            return None if images[0].pixels is surfaces[0] else model.predict(images)

    def seen(*_: object) -> None:
        raise OSError("nobody counts")

    batcher = MicroBatcher(Odd(), seen=seen)
    with batcher.accept() as places:
        odd = places.score(surfaces[0])
    with pytest.raises(AttributeError):
        odd.result(20)
    with batcher.accept() as places:
        later = places.score(surfaces[1])
    assert later.result(20).result.scores.shape == (1,)
    batcher.close()
    assert batcher.held == 0


def test_closing_finishes_what_was_accepted_and_accepts_no_more(slow: Slow, surfaces: list[Pixels]) -> None:
    batcher = MicroBatcher(slow, batch_size=2)
    places = batcher.accept(3)
    tickets = [places.score(surfaces[0])]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    time.sleep(0.05)
    with pytest.raises(Unavailable):
        batcher.accept()
    # Accepted before: these are still decoded when the end begins.
    tickets += [places.score(surfaces[1]), places.score(surfaces[2])]
    assert closing.is_alive()
    slow.go.set()
    closing.join(20)
    assert not closing.is_alive()
    assert [ticket.result(0).result.scores.shape for ticket in tickets] == [(1,)] * 3
