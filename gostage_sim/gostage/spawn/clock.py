"""The clock that a child's timeout and grace period are measured by: the runner's own, made never to run backwards.

`time.monotonic` is never stepped, and is used as it is. Any other clock may be, as the one on the wall is: by NTP, by
an administrator, by a virtual machine that was asleep. A step forward is time that has passed. A step back is no time,
and from there on time passes as before: taken at its word it would give a child that hangs an hour more for every hour
of it. Nobody tells of a step, so somebody has to look, `LOOK_S` at the latest.
"""

from __future__ import annotations

import math
import time
from _thread import allocate_lock
from collections.abc import Callable

Clock = Callable[[], float]

LOOK_S = 0.05


class Steady:
    """Seconds that never run backwards, of a clock that may; from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read = self._now = clock()
        self._lock = allocate_lock()

    def __call__(self) -> float:
        with self._lock:
            read = self._clock()
            self._now += max(0.0, read - self._read)
            self._read = read
            return self._now


def steady(clock: Clock) -> Clock:
    """The clock, where it needs no help, or one that does not run backwards when it does."""
    return clock if clock is time.monotonic else Steady(clock)


def longest_wait_s(clock: Clock) -> float:
    """How long to wait at most before looking at a clock from `steady()` again."""
    return math.inf if clock is time.monotonic else LOOK_S
