"""The clock of a parent under test, which a fault may set."""

from __future__ import annotations

import time


class SteppedClock:
    """`time.monotonic`, and how far it was stepped since; from several threads."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self.looks = 0
        """How often it was looked at."""

    def __call__(self) -> float:
        self.looks += 1  # two threads at once may count one; it is asked whether there were any
        return time.monotonic() + self._ahead_s

    def step(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._ahead_s += seconds
