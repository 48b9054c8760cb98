"""Guessing passwords is made slow: after some failures, each further try has to wait, longer every time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from patchsieve.station.errors import Busy
from patchsieve.station.languages import said

FORGOTTEN_AFTER = 15 * 60.0  # seconds without a failure
LONGEST_WAIT = 5 * 60.0  # seconds
_REMEMBERED = 10_000  # names and addresses; the oldest go first


@dataclass
class _Failures:
    count: int
    last: float


class LoginThrottle:
    """Count failed logins by name with address, by address and by name; say how long the next must wait.

    A name with its address has 5 free tries, an address 20 (many people behind one proxy), a name 50 from everywhere
    (so that a botnet is slowed down, and a stranger cannot easily lock somebody out). Kept in memory: a restart
    forgets, and an attacker cannot cause one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, name: str, address: str) -> None:
        """Count a try as failed until `succeeded` says otherwise, so that many at once are counted too.

        Raises:
            Busy: too many failures; `retry_after` says how many seconds to wait. The try was not counted.
        """
        with self._lock:
            now = self._clock()
            wait = max(self._wait(key, free, now) for key, free in _keys(name, address))
            if wait > 0:
                raise Busy(
                    said(
                        "too many failed logins: wait %(count)s seconds, then try again", count=int(wait) + 1
                    ),
                    retry_after=int(wait) + 1,
                )
            for key, _ in _keys(name, address):
                self._count(key, now)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name at this address; the address as a whole gets only this try back."""
        with self._lock:
            (pair, _), *wider = _keys(name, address)
            self._failures.pop(pair, None)
            for key, _ in wider:
                if key in self._failures:
                    self._failures[key].count -= 1

    def _wait(self, key: tuple[str, str], free: int, now: float) -> float:
        known = self._failures.get(key)
        if known is None or now - known.last > FORGOTTEN_AFTER or known.count < free:
            return 0.0
        wait = min(LONGEST_WAIT, 2.0 ** min(known.count - free, 16))
        return known.last + wait - now

    def _count(self, key: tuple[str, str], now: float) -> None:
        known = self._failures.pop(key, None)
        fresh = known is None or now - known.last > FORGOTTEN_AFTER
        self._failures[key] = _Failures(1 if fresh or known is None else known.count + 1, now)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)


def _keys(name: str, address: str) -> list[tuple[tuple[str, str], int]]:
    name = name[:200].casefold()
    return [((name, address), 5), (("", address), 20), ((name, ""), 50)]
