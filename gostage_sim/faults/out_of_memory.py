"""The kernel kills the child, because a group of processes has used up its memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Bytes, format_size

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_CHUNK_BYTES = 2**20
#: Less is used up before the child knows that it may go on.
_LEAST_BYTES = 8 * 2**20
_SEEN_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The observer makes a cgroup with a limit of memory and moves the child into it, at its point. The child then
    allocates and fills 1 MiB after 1 MiB, and the kernel's OOM killer ends it: a SIGKILL that nobody sent, as a
    container does it. The group is removed afterwards.

    Nothing of this is emulated. Where no cgroup may be made it cannot be done: write `only_on: {reason: …,
    memory_group: true}`.
    """

    kind: ClassVar[str] = "out_of_memory"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message"})
    example: ClassVar[str] = """\
- out_of_memory: {limit: 64MiB}
  at: {message: 100}
"""

    limit: Bytes = field(
        default=64 * 2**20,
        metadata={
            "description": "how much the group may take, beside what the child has already",
            "ge": _LEAST_BYTES,
            "le": 2**30,
        },
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.hold()
        taken = [b"x" * _CHUNK_BYTES for _ in range(2 * self.limit // _CHUNK_BYTES)]
        victim.note(survived=f"{len(taken)} MiB")

    def inflict(self, target: Target) -> None:
        from gostage_sim.faults.memory_group import memory_group

        with memory_group(self.limit) as group:
            group.take(target.pid)
            target.release()
            gone = target.wait_for_end(_SEEN_WITHIN_S)
            target.note(oom_kills=group.oom_kills(), gone=gone, waited_up_to_s=_SEEN_WITHIN_S)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The group's own count of processes that the OOM killer ended, and the kernel's SIGKILL."""
        note = note_with(fault, "oom_kills", by="observer")
        if note is None or not note["oom_kills"] or child.exit is None or child.exit.signal != "SIGKILL":
            return None
        return f"killed by the kernel's OOM killer in a group of {format_size(self.limit)}"
