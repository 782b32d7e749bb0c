"""Descendants that left a child's process group: found by a mark in their environment, and ended.

The mark is a variable with a value nobody else has. Fork, exec, setsid and a double fork all hand it on, so that a
daemon bears it in /proc/<pid>/environ whoever its parent is by now. Not found is one that was started with an
environment of its own making (`env -i`), has written over it, or runs as a user whom this program may not look at.
A cgroup finds those too; see `cgroup`. After the death of this program itself nobody looks for daemons: the lifeline
ends the process group alone.

`PR_SET_CHILD_SUBREAPER` would find them by their parent, but it is set for a whole program, which would from then on
inherit, and have to wait for, the orphans of every other part of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from gostage_sim.gostage.spawn.readiness import is_readable

FAMILY_VARIABLE = "GOSTAGE_FAMILY"
"""The marks of a child and of the children above it, divided by colons."""
SWEEP_S = 2.0
"""How long to go on while there is still one: a family that forks faster than it is killed is not waited for."""


def end_family(mark: str) -> None:
    """SIGKILL to every process that bears `mark`, again and again until there is none, or `SWEEP_S` is over."""
    until = time.monotonic() + SWEEP_S
    while time.monotonic() < until:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        ended = [_end(pid, mark, until) for pid in pids if _bears(pid, mark)]
        if not any(ended):
            return


def _end(pid: int, mark: str, until: float) -> bool:
    """Kill the process if it is still the one that bears the mark, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        pidfd = os.pidfd_open(pid)
        try:
            if _bears(pid, mark):  # asked again: the number may have been given to somebody else before we had it
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                is_readable(pidfd, until - time.monotonic())
                return True
        finally:
            os.close(pidfd)
    return False


def _bears(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return mark.encode() in environment.read()
    except OSError:  # gone, or not ours to look at
        return False
