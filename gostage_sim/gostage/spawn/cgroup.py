"""A control group of a child's own: its memory counted over all its processes, and none of them gets away.

Only below a cgroup v2 that was delegated to this program, and only where the rule of no internal processes lets it:
https://docs.kernel.org/admin-guide/cgroup-v2.html. In short, a group whose children have the memory controller must
have no processes itself. A systemd unit meets that with `Delegate=memory` and `DelegateSubgroup=main`; a container when
its entry point moves itself into a group below the one it was given.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
import uuid
import warnings
from pathlib import Path
from typing import Self

EMPTY_S = 2.0
"""How long killed processes may take to be gone."""


def delegated_group(*, memory: bool) -> Path | None:
    """The nearest group of this program's own or above it, below which it may make groups; None when there is none.

    With `memory`, one whose children have the memory controller; it is turned on where that is allowed.
    """
    try:
        mount, own = _mount_and_own()
    except (OSError, LookupError):
        return None
    for folder in (own, *own.parents):
        if not folder.is_relative_to(mount):
            return None
        if _is_delegated(folder, mount) and (not memory or _gives_memory(folder)):
            return folder
    return None


def _mount_and_own() -> tuple[Path, Path]:
    """Where cgroup v2 is mounted, and the group of this process below it. LookupError when it cannot be seen there."""
    # Without the line, on a machine with v1 alone, a path that is below no mount.
    path = next((line[3:] for line in _lines("/proc/self/cgroup") if line.startswith("0::")), "")
    for line in _lines("/proc/self/mountinfo"):
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            root, point = fields.split(" ")[3:5]
            if Path(path).is_relative_to(root):
                return Path(point), Path(point) / Path(path).relative_to(root)
    raise LookupError("no cgroup v2 mount shows the group of this process")


def _is_delegated(folder: Path, mount: Path) -> bool:
    """Whether it is ours to make groups in: root could do so anywhere, but most of the tree is its manager's."""
    if not all(
        os.access(file, os.W_OK) for file in (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    ):
        return False
    if os.geteuid() != 0:
        return folder.stat().st_uid == os.geteuid()
    if folder == mount:
        return (folder / "cgroup.type").exists()  # the root of a container; the real root has no such file
    for mark in ("trusted.delegate", "user.delegate"):  # what systemd sets on a unit with Delegate=
        with contextlib.suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def _gives_memory(folder: Path) -> bool:
    """Whether groups below have the memory controller, turned on if need be."""
    with contextlib.suppress(OSError):
        if "memory" not in (folder / "cgroup.subtree_control").read_text().split():
            (folder / "cgroup.subtree_control").write_text("+memory")  # refused while it has processes itself
        return True
    return False


class Group:
    """A group made for one child. `kill()` what is in it, read what was used, `remove()` it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, above: Path, memory_bytes: int | None = None) -> Self:
        """A new group below `above`, limited if that is said; OSError when it is not possible, and nothing is left."""
        folder = above / f"gostage-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        group = cls(folder)
        try:
            if memory_bytes is not None:
                (folder / "memory.max").write_text(str(memory_bytes))
                (folder / "memory.oom.group").write_text("1")  # all or none: half a child would be no result
                with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                    (folder / "memory.swap.max").write_text("0")
        except BaseException:
            group.remove()
            raise
        return group

    def peak_bytes(self) -> int | None:
        """Most memory in use at once; None where the kernel does not say (without the controller, or before 5.19)."""
        with contextlib.suppress(OSError):
            return int((self.folder / "memory.peak").read_text())
        return None

    def oom_kills(self) -> int:
        """How many of its processes were killed because of the limit."""
        with contextlib.suppress(OSError):
            for line in (self.folder / "memory.events").read_text().splitlines():
                name, count = line.split()
                if name == "oom_kill":
                    return int(count)
        return 0

    def kill(self) -> None:
        """SIGKILL to everyone in it and below, however fast they fork; returns when they are gone or `EMPTY_S` over."""
        with contextlib.suppress(OSError), open(self.folder / "cgroup.events") as events:
            (self.folder / "cgroup.kill").write_text("1")
            changed = select.poll()
            changed.register(events, select.POLLPRI)
            until = time.monotonic() + EMPTY_S
            while "populated 1" in os.pread(events.fileno(), 4096, 0).decode() and time.monotonic() < until:
                changed.poll((until - time.monotonic()) * 1000)

    def remove(self) -> None:
        """Kill what is left, then remove it and the groups that the child has made below."""
        self.kill()
        for folder, _, _ in os.walk(self.folder, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error:
                warnings.warn(
                    f"cgroup {folder} could not be removed: {error.strerror}", ResourceWarning, 2, source=self
                )


def _lines(path: str) -> list[str]:
    with open(path) as file:
        return file.read().splitlines()
