"""The parent has closed its standard input, output and error, as daemons do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import AT_SPAWN, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

_STANDARD = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class CloseStdio:
    """Closes the descriptors 0, 1 and 2 of the parent until the spawn has returned.

    What is opened next gets these numbers: the pipes to a child, for example, in the place of its own standard streams.
    """

    kind: ClassVar[str] = "close_stdio"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- close_stdio: {}
  at: spawn
"""

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        kept = {fd: fcntl(fd, F_DUPFD_CLOEXEC, 3) for fd in _STANDARD if _is_open(fd)}
        inheritable = {fd: os.get_inheritable(fd) for fd in kept}
        try:
            for fd in kept:
                os.close(fd)
            parent.note(closed=[fd for fd in _STANDARD if not _is_open(fd)])
            yield
        finally:
            for fd, copy in kept.items():
                if _is_open(fd):
                    os.dup(fd)  # what the engine forgot here must not disappear under what comes back
                os.dup2(copy, fd, inheritable=inheritable[fd])
                os.close(copy)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The three were missing in the parent's `/proc/self/fd` when the spawn began."""
        note = note_with(fault, "closed", by="parent")
        if note is None or note["closed"] != list(_STANDARD):
            return None
        return "0, 1 and 2 were closed in the parent"


def _is_open(fd: int) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")
