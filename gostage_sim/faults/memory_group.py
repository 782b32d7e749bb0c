"""A group of processes with a limit of memory, at which the kernel kills: a cgroup, of version 2 or of version 1.

Used by observers, not by children. Version 2 works where the engine could make groups itself, see
`gostage_sim.gostage.spawn.cgroup`; version 1 (https://docs.kernel.org/admin-guide/cgroup-v1/memory.html) where this
process may make groups below its own.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from gostage_sim.gostage.spawn.cgroup import Group, delegated_group


class MemoryGroup(Protocol):
    """What `memory_group` makes."""

    def take(self, pid: int) -> None:
        """Move a process in; from now on what it takes is counted here."""

    def oom_kills(self) -> int:
        """How many of its processes the kernel has killed for the limit."""


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """An empty group; at the end it is removed, and who is left in it is killed or moved out. OSError where this
    process may not make one."""
    above = delegated_group(memory=True)
    if above is not None:
        group = Group.make(above, limit_bytes)
        try:
            yield _Second(group)
        finally:
            group.remove()
        return
    own = _own_of_first()
    if own is None:
        raise PermissionError("this process may make no cgroup with the memory controller below its own")
    first = _First(own, limit_bytes)
    try:
        yield first
    finally:
        first.remove()


@cache
def why_impossible() -> str | None:
    """Why this process cannot have such a group, or None when it made one and removed it."""
    try:
        with memory_group(64 * 2**20):
            return None
    except OSError as error:
        return f"{error.strerror or error}"


class _Second:
    def __init__(self, group: Group) -> None:
        self._group = group

    def take(self, pid: int) -> None:
        (self._group.folder / "cgroup.procs").write_text(str(pid))

    def oom_kills(self) -> int:
        return self._group.oom_kills()


class _First:
    """Of version 1."""

    def __init__(self, above: Path, limit_bytes: int) -> None:
        self._above = above
        self._folder = above / f"gostage-sim-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._folder.mkdir()
        try:
            (self._folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
            with contextlib.suppress(OSError):  # a kernel that does not count swap
                (self._folder / "memory.memsw.limit_in_bytes").write_text(str(limit_bytes))
        except BaseException:
            self._folder.rmdir()
            raise

    def take(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid))

    def oom_kills(self) -> int:
        for line in (self._folder / "memory.oom_control").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":  # since Linux 4.13
                return int(count)
        return 0

    def remove(self) -> None:
        for pid in (self._folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # it has gone meanwhile
                (self._above / "cgroup.procs").write_text(pid)
        self._folder.rmdir()


def _own_of_first() -> Path | None:
    """The folder of the memory group, of version 1, that this process is in."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    own = next((path for _, names, path in (line.split(":", 2) for line in groups) if "memory" in names.split(",")), "")
    for line in mounts:
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        root, point = fields.split(" ")[3:5]
        if kind == "cgroup" and "memory" in options.split(",") and own and Path(own).is_relative_to(root):
            return Path(point) / Path(own).relative_to(root)
    return None
