"""Turns of the threads that wait for children: whose child floods gives way to the others.

A thread that always has something to read lets go of the GIL in every `os.read`, for some microseconds, and has it back
before another one is awake. That one gets it when it has asked in vain for 5 ms (`sys.getswitchinterval`, which is the
application's), and with four floods it asks four times. See https://bugs.python.org/issue7946, the convoy effect.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

TURN_S = 0.001
"""How long a thread goes on; some chunks of a pipe."""
PAUSE_S = 0.00005
"""How long it stays away from the GIL then; as long as it takes to wake another thread."""

_taking_part: set[Turns] = set()


class Turns:
    """One thread's part; a context manager around its loop."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        _taking_part.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _taking_part.discard(self)

    def give_way(self) -> None:
        """Let another thread go on, if there is one and this one had its turn."""
        if len(_taking_part) > 1 and time.monotonic() - self._begun >= TURN_S:
            time.sleep(PAUSE_S)
            self._begun = time.monotonic()
