"""The pipe between child and parent holds next to nothing."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with, sent_times
from gostage_sim.units import Bytes, format_size

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class SmallPipe:
    """Sets the size of the pipe of the child's messages (F_SETPIPE_SZ), whatever the parent has made it. The kernel
    rounds up to pages. A message that is longer goes through it bit by bit, as fast as the parent reads.
    """

    kind: ClassVar[str] = "small_pipe"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- small_pipe: {size: 4KiB}
  at: definition
"""

    size: Bytes = field(default=4096, metadata={"description": "what the pipe holds", "ge": 4096, "le": 2**16})

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "by gRPC messages do not go through a pipe" if transport == "grpc" else None

    def inject(self, victim: Victim) -> None:
        before = fcntl.fcntl(victim.stdout_fd, fcntl.F_GETPIPE_SZ)
        fcntl.fcntl(victim.stdout_fd, fcntl.F_SETPIPE_SZ, self.size)
        victim.note(held=before, holds=fcntl.fcntl(victim.stdout_fd, fcntl.F_GETPIPE_SZ))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The size that the kernel tells before and after, and that messages were sent since."""
        note = note_with(fault, "holds")
        if note is None or fault.fired_ns is None or note["holds"] >= note["held"]:
            return None
        count = len(sent_times(child, fault.fired_ns))
        if not count:
            return None
        held, holds = format_size(note["held"]), format_size(note["holds"])
        return f"{count:,} messages sent through a pipe of {holds}, which held {held} before"
