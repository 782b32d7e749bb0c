"""The parent is killed, and its children are on their own."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent, Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_SEEN_WITHIN_S = 5.0
_DOING = {
    "holds": "held still",
    "deaf": "ignored SIGTERM, SIGINT and SIGHUP",
    "stopped": "was stopped, in state T",
    "in_write": "was blocked in a write",
}


@dataclass(frozen=True, slots=True)
class KillParent:
    """The observer sends the parent a signal that ends it at once, through its pidfd: the parent has no handler for it
    and no occasion to clean up, as with the kernel's OOM killer, `kill -9`, or a terminal that is closed.

    The child is at the point, and at that moment

    * `child: holds`: waits
    * `child: deaf`: waits, and ignores SIGTERM, SIGINT and SIGHUP
    * `child: stopped`: is stopped by SIGSTOP, seen in state T
    * `child: in_write`: is blocked in the write of the rest of a message, over JSON; let the parent be too slow for it

    At `{handler: n}` nobody holds the child: the parent is killed in the middle of a handler, and `child` is left out.

    Before, the observer writes down who descends from the parent; all of them must go as well (`no-orphans`). What only
    a living parent can give, its result, its recovery, siblings that complete, is not judged then.
    """

    kind: ClassVar[str] = "kill_parent"
    points: ClassVar[frozenset[Point]] = ANYWHERE | {"handler"}
    example: ClassVar[str] = """\
- kill_parent: {signal: SIGKILL, child: stopped}
  at: {message: 100}
"""

    signal: Literal["SIGKILL", "SIGTERM", "SIGHUP"] = field(
        default="SIGKILL", metadata={"description": "the signal the observer sends to the parent"}
    )
    child: Literal["holds", "deaf", "stopped", "in_write"] = field(
        default="holds", metadata={"description": "what the child does at that moment"}
    )

    def inject(self, victim: Victim) -> None:
        if self.child == "deaf":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        victim.note(reached=self.child)
        if self.child == "in_write":
            victim.call_observer()
        else:
            victim.hold()

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        parent.note(reached="handler")
        parent.hold()
        yield

    def inflict(self, target: Target) -> None:
        ready = True
        if self.child == "stopped":
            target.signal("SIGSTOP")
            ready = target.wait_for_state("T", _SEEN_WITHIN_S)
        elif self.child == "in_write":
            ready = target.wait_for_write(_SEEN_WITHIN_S) is not None
        if ready:
            target.record_descendants()
            target.signal_parent(self.signal)
        gone = ready and target.wait_for_parents_end(_SEEN_WITHIN_S)
        target.note(killed_parent=self.signal if gone else None, ready=ready, waited_up_to_s=_SEEN_WITHIN_S)

    def placement_problem(self, at: Placement) -> str | None:
        if self.child != "holds" and at.point == "handler":
            return f"child: {self.child} is about a child at a point of its own, and here is none; leave out child"
        if self.child == "in_write" and at.point != "byte":
            return "in_write is about the rest of a message; use {message: n, byte: b}"
        return None

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        if self.child == "in_write" and transport == "grpc":
            return "gRPC never blocks in a write, what the parent does not take yet waits in the child's memory"
        return None

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The observer's note that the parent's pidfd told of its end after the signal, with the child in its state."""
        in_handler = fault.at.get("point") == "handler"
        reached = note_with(fault, "reached", by="parent" if in_handler else "child")
        note = note_with(fault, "killed_parent", by="observer")
        if reached is None or note is None or note["killed_parent"] != self.signal:
            return None
        if in_handler:
            return f"{self.signal} ended the parent in a handler"
        return f"{self.signal} ended the parent while the child {_DOING[self.child]}"
