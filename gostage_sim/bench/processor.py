"""Processor time of a parent and of its children together."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable


class ProcessorTime:
    """What this process and these children, by pid, spend from now on."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._before = sum(map(_of_running, pids)) + _of_reaped() + time.process_time()

    def spent_s(self) -> float:
        """Seconds so far; the children are gone and reaped."""
        return time.process_time() + _of_reaped() - self._before


def _of_running(pid: int) -> float:
    """By its clock, see clock_getcpuclockid(3): Python has the clock, but not the function that names it."""
    return time.clock_gettime(~pid << 3 | 2)


def _of_reaped() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
