"""Descendants that left a child's process group: found by a mark in their environment, and ended.

The mark is a variable with a value nobody else has. Fork, exec, setsid and a double fork all hand it on, so that a
daemon bears it in /proc/<pid>/environ whoever its parent is by now. Not found is one that was started with an
environment of its own making (`env -i`), has written over it, or runs as a user whom this program may not look at.
A cgroup finds those too; see `cgroup`. Who looks for them is a `family`.

A child that is forked and executes nothing shows there what its server was started with, so the server is started with
room for marks, into which the child writes its own.

`PR_SET_CHILD_SUBREAPER` would find them by their parent, but it is set for a whole program, which would from then on
inherit, and have to wait for, the orphans of every other part of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping

from gostage_sim.gostage.spawn.readiness import is_readable

FAMILY_VARIABLE = "GOSTAGE_FAMILY"
"""The marks of a child and of the children above it, divided by colons."""
SWEEP_S = 2.0
"""How long to go on while there is still one: a family that forks faster than it is killed is not waited for."""

ENV_START = 47
"""Where `env_start` is in /proc/<pid>/stat, counted from the field after the name; see proc(5)."""
ROOM_BYTES = 4096
"""For the marks of more than a hundred children, each in the other."""


def with_room(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a server whose children will `bear` marks of their own."""
    return {**environment, FAMILY_VARIABLE: environment.get(FAMILY_VARIABLE, "").ljust(ROOM_BYTES, ":")}


def bear(marks: str) -> None:
    """Show these marks, which are those of a child, in this process's /proc/<pid>/environ and its descendants'.

    The kernel shows there the memory that the environment was in at the start. RuntimeError when there is no room.
    """
    data = os.fsencode(marks)
    with open("/proc/self/environ", "rb") as environment:
        offset = (b"\0" + environment.read()).find(f"\0{FAMILY_VARIABLE}=".encode())
    if offset < 0 or len(data) > ROOM_BYTES:
        raise RuntimeError(f"no room for {len(data)} bytes of {FAMILY_VARIABLE} in the environment of the fork server")
    with open("/proc/self/stat", "rb") as stat:
        start = int(stat.read().rpartition(b")")[2].split()[ENV_START])
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start + offset + len(f"{FAMILY_VARIABLE}="))
        memory.write(data.ljust(ROOM_BYTES, b":"))


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
