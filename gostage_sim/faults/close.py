"""The process closes one of its standard streams and lives on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Close:
    """Closes one end of a pipe between child and parent. No descriptor of the child refers to the pipe any more.

    * `what: stdout`: over JSON the channel of its messages; those it sends after that fail. By gRPC it carries none
    * `what: stderr`: all it has of its standard error, and the standard output that points there
    * `what: stdin`: where the definition comes from, before it is read

    `then: hold` leaves the child there, alive and doing nothing, until the engine's time-out ends it: give such a child
    a short `timeout`. With `then: go_on` it goes on with its work as far as that is possible. A closed number would be
    given to the next file that is opened, which writes would then hit: it refers to `/dev/null`, read-only, instead.
    """

    kind: ClassVar[str] = "close"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- close: {what: stdout, then: hold}
  at: {message: 100}
"""

    what: Literal["stdout", "stderr", "stdin"] = field(default="stdout", metadata={"description": "which stream"})
    then: Literal["hold", "go_on"] = field(
        default="hold", metadata={"description": "whether the child does nothing from there on, or goes on"}
    )

    def placement_problem(self, at: Placement) -> str | None:
        if self.what == "stdin" and at.point != "definition":
            return "what: stdin is for at: definition only; later the child has closed it already"
        return None

    def inject(self, victim: Victim) -> None:
        first = {"stdout": victim.stdout_fd, "stderr": 2, "stdin": 0}[self.what]
        stream = _status(first)
        for fd in _those_that_are(stream):
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, fd, inheritable=os.get_inheritable(fd))
            os.close(nothing)
        victim.note(closed=self.what, still_open=len(_those_that_are(stream)))
        if self.then == "hold":
            victim.hold()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note that none of its descriptors was the stream any more, and that it lived on from there."""
        note = note_with(fault, "closed")
        if note is None or note["still_open"] or child.exit is None or child.exit.t_ns <= note["t_ns"]:
            return None
        lived = f"{(child.exit.t_ns - note['t_ns']) / 1e9:.3f} s"
        if self.then == "hold":
            return None if fault.over_ns is not None else f"closed {self.what} and stayed for {lived}"
        return None if fault.over_ns is None else f"closed {self.what} and went on for {lived}"


def _status(fd: int) -> tuple[int, int]:
    seen = os.fstat(fd)
    return seen.st_dev, seen.st_ino


def _those_that_are(stream: tuple[int, int]) -> list[int]:
    """The descriptors of this process that refer to it."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if _status(int(name)) == stream:
                found.append(int(name))
        except OSError:  # the one that listed the folder
            continue
    return found
