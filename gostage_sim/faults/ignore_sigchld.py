"""The parent's program ignores SIGCHLD, so that the kernel reaps its children and keeps no exit status."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import IN_PARENT, Point
from gostage_sim.faults.evidence import ending, note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class IgnoreSigchld:
    """Sets SIGCHLD to SIG_IGN in the parent until the spawn has returned, as programs do that want no zombies.

    The kernel then reaps every child at its end; `waitpid()` finds none. Done with `signal()` of the C library, which
    any thread may call.
    """

    kind: ClassVar[str] = "ignore_sigchld"
    points: ClassVar[frozenset[Point]] = IN_PARENT
    example: ClassVar[str] = """\
- ignore_sigchld: {}
  at: spawn
"""

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.signal.restype = ctypes.c_void_p
        before = libc.signal(int(signal.SIGCHLD), ctypes.c_void_p(int(signal.SIG_IGN)))
        try:
            yield
            parent.note(ignored_to_the_end=_is_ignored())
        finally:
            libc.signal(int(signal.SIGCHLD), ctypes.c_void_p(before))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """SIGCHLD among the ignored signals of the parent in `/proc`, still when the child had ended."""
        note = note_with(fault, "ignored_to_the_end", by="parent")
        if note is None or not note["ignored_to_the_end"] or child.exit is None:
            return None
        return f"SIGCHLD was ignored in the parent while the child {ending(child)}"


def _is_ignored() -> bool:
    with open("/proc/thread-self/status") as status:
        mask = next(line for line in status if line.startswith("SigIgn:")).split()[1]
    return bool(int(mask, 16) >> (signal.SIGCHLD - 1) & 1)
