"""Waiting for one descriptor, with a bound: is there something to read, room to write, or the end?"""

from __future__ import annotations

import select


def is_readable(fd: int, timeout_s: float) -> bool:
    """Whether there is something to read, or the end, within this time; of a pidfd, whether the process is gone."""
    return bool(_poll(fd, select.POLLIN, timeout_s))


def is_writable(fd: int, timeout_s: float) -> bool:
    """Whether a write would take something, or fail, within this time."""
    return bool(_poll(fd, select.POLLOUT, timeout_s))


def is_hung_up(fd: int, timeout_s: float) -> bool:
    """Whether the other end is closed within this time; of a pidfd, whether somebody takes the exit status, which Linux
    tells since 6.13."""
    return bool(_poll(fd, 0, timeout_s) & select.POLLHUP)


def _poll(fd: int, events: int, timeout_s: float) -> int:
    ended = select.poll()  # select() cannot take descriptors over 1023
    ended.register(fd, events)
    seen = ended.poll(max(0.0, timeout_s) * 1000)
    return seen[0][1] if seen else 0
