"""How deep this process is below the first program, so that none starts itself for ever."""

from __future__ import annotations

import contextlib
import os
import sys

from gostage_sim.gostage.child import CHILD_FLAG

DEPTH_VARIABLE = "GOSTAGE_SPAWN_DEPTH"
"""Tells a child how deep it is, from 1."""

MAX_DEPTH_VARIABLE = "GOSTAGE_MAX_SPAWN_DEPTH"
"""Tells a child the `max_depth` that its parent had, which binds it too."""


def allowed_depth(max_depth: int) -> int:
    """The stricter of a limit of our own and of the one that we were started under."""
    try:
        return min(max_depth, int(os.environ[MAX_DEPTH_VARIABLE]))
    except (KeyError, ValueError):  # no child, or not written by a runner
        return max_depth


def own_depth() -> int:
    """0 for a program that no runner started.

    A child is told by its environment. One that has thrown that away is still started with `--gostage-child` by others
    that are, for as long as they wait for it; only who hides both, or leaves its parents behind, begins again at 0.
    """
    try:
        told = int(os.environ.get(DEPTH_VARIABLE, "0"))
    except ValueError:  # not written by a runner
        told = 0
    return max(told, _children_above()) if CHILD_FLAG in sys.orig_argv else told


def parent_of(pid: int) -> int | None:
    """The pid of its parent, 0 where that is outside of what this process sees; None for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])  # its name may hold spaces and parentheses
    except (FileNotFoundError, ProcessLookupError):
        return None


def _children_above() -> int:
    """How many of this process and its ancestors were started as children of ours."""
    count, pid = 0, os.getpid()
    with contextlib.suppress(OSError):  # hidden from us, or gone
        while pid > 0:
            with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                count += CHILD_FLAG.encode() in arguments.read().split(b"\0")
            pid = parent_of(pid) or 0
    return count
