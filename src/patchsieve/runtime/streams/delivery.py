"""Messages go out beside the work, which never waits for a receiver: sent until the receiver has them."""

import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from patchsieve.errors import PatchSieveError
from patchsieve.runtime.streams.spool import Message, Spool

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
_AT_ONCE = 32
_LOOKS_EVERY = 1.0


class UnreachableError(Exception):
    """The receiver does not answer, or says that it cannot now: the message is sent again.

    Attributes:
        after: seconds that the receiver asks to wait; None where it does not say.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class RefusedError(Exception):
    """The receiver will never take this message."""


class Sink(Protocol):
    """A receiver.

    Attributes:
        address: in words for people, without secrets.
    """

    address: str

    def send(self, message: Message) -> None:
        """Hand over one message; once this returns, the receiver has it.

        Raises:
            UnreachableError: it may be tried again.
            RefusedError: it is not to be tried again.
        """

    def close(self) -> None:
        """Hang up."""


class Delivery:
    """One thread that empties one spool into one sink, in order.

    Between two attempts the pause doubles from `FIRST_PAUSE` up to `LONGEST_PAUSE` seconds, of which a random part up
    to a half is left out, so that many stations do not come back all at once.
    """

    def __init__(self, sink: Sink, spool: Spool, tell: Callable[[str], None]) -> None:
        self.sink = sink
        self.spool = spool
        self._tell = tell
        self._failures = 0
        self._full = False
        self._stop = threading.Event()
        self._new = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"delivery to {sink.address}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def added(self, count: int) -> None:
        """Say that so many new messages are in the spool."""
        dropped = self.spool.added(count)
        if dropped and not self._full:
            self._tell(
                f"the spool for {self.sink.address} is full ({self.spool.limit} messages): the oldest ones are "
                "dropped for new ones; the results are complete in the results folder"
            )
        self._full = dropped > 0
        self._new.set()

    def close(self, grace: float) -> None:
        """Stop after all is sent, after so many seconds, or at once where the receiver does not answer."""
        end = monotonic() + grace
        while monotonic() < end and self._thread.is_alive() and not self._failures and self.spool.waiting:
            self._new.set()
            self._stop.wait(0.02)
        self._stop.set()
        self._new.set()
        # A receiver that keeps silent has this long to answer; its message stays in the spool.
        self._thread.join(max(1.0, end - monotonic()))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                pause = self._send_some()
                if pause:
                    self._stop.wait(pause)
        except PatchSieveError as error:
            # The journal cannot be written, or was closed after the grace: the watcher notices the first itself.
            if not self._stop.is_set():
                self._tell(f"nothing is sent to {self.sink.address} any more: {error}")
        finally:
            self.sink.close()

    def _send_some(self) -> float:
        """Send what waits. Returns the seconds to pause before the next attempt."""
        self._new.clear()
        messages = self.spool.oldest(_AT_ONCE)
        if not messages:
            self._new.wait(_LOOKS_EVERY)
            return 0.0
        sent: list[int] = []
        try:
            for message in messages:
                if self._stop.is_set():
                    break
                if self._sent(message):
                    sent.append(message.number)
        except UnreachableError as error:
            return self._failed(error)
        finally:
            self.spool.delivered(sent)
        return 0.0

    def _sent(self, message: Message) -> bool:
        try:
            self.sink.send(message)
        except RefusedError as error:
            self.spool.refuse(message.number, str(error))
            self._tell(f"{self.sink.address} refuses {message.id}: {error}; it is set aside")
            return False
        if self._failures:
            self._failures = 0
            self._tell(f"{self.sink.address} takes messages again; {self.spool.waiting} were waiting")
        return True

    def _failed(self, error: UnreachableError) -> float:
        if not self._failures:
            self._tell(f"{self.sink.address}: {error}; messages are kept and sent later")
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(error.after or 0.0, pause * random.uniform(0.5, 1.0))
