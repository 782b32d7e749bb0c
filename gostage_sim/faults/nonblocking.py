"""Somebody else makes the child's stdout non-blocking."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Nonblocking:
    """A process that the child starts sets O_NONBLOCK on the stdout it has inherited, and exits. The flag is not of the
    descriptor but of what both refer to (open(2)): from then on the child's own writes into a full pipe fail with
    EAGAIN, or take a part.
    """

    kind: ClassVar[str] = "nonblocking"
    points: ClassVar[frozenset[Point]] = frozenset({"definition", "step", "message"})
    example: ClassVar[str] = """\
- nonblocking: {}
  at: {message: 10}
"""

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "by gRPC messages do not go through a pipe" if transport == "grpc" else None

    def inject(self, victim: Victim) -> None:
        fd = victim.stdout_fd
        inherited = os.dup(fd)  # in the other process the engine's own refers to nothing
        pid = os.fork()
        if pid == 0:
            try:
                os.set_blocking(inherited, False)
            finally:
                os._exit(0)
        os.close(inherited)
        os.waitpid(pid, 0)
        victim.note(by_process=pid, blocking=os.get_blocking(fd))
        victim.before_each_message(_FirstFull(victim))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The flag as the kernel tells it in the child, and that the pipe was full before one of its writes."""
        note, full = note_with(fault, "by_process"), note_with(fault, "full_before")
        if note is None or full is None or note["blocking"]:
            return None
        return (
            f"process {note['by_process']} set O_NONBLOCK; the pipe was full before message {full['full_before']} "
            "after that"
        )


class _FirstFull:
    """Before each message: whether the pipe would take nothing, until it has once."""

    def __init__(self, victim: Victim) -> None:
        import select

        self._victim = victim
        self._number = 0
        self._seen = False
        self._pipe = select.poll()
        self._pipe.register(victim.stdout_fd, select.POLLOUT)

    def __call__(self) -> None:
        self._number += 1
        if not self._seen and not self._pipe.poll(0):
            self._seen = True
            self._victim.note(full_before=self._number)
