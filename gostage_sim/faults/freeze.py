"""The process stops: alive, silent, deaf to every signal but SIGKILL and SIGCONT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_SEEN_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stops the child with SIGSTOP, sent by the observer through the pidfd, and waits until `/proc` shows state T.

    Nobody wakes it: it stays so until the engine ends it when its time is over. Give such a child a short `timeout`.
    """

    kind: ClassVar[str] = "freeze"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- freeze: {}
  at: {message: 100, byte: 7}     # in the middle of a message
"""

    def inject(self, victim: Victim) -> None:
        victim.note(holding=True)
        victim.hold()

    def inflict(self, target: Target) -> None:
        target.signal("SIGSTOP")
        stopped = target.wait_for_state("T", _SEEN_WITHIN_S)
        target.note(state="T" if stopped else "not T", waited_up_to_s=_SEEN_WITHIN_S)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """State T in `/proc`, as the observer saw it after the point was reached."""
        note = note_with(fault, "state", by="observer")
        seen = [t_ns for t_ns in child.stopped_ns if fault.fired_ns is not None and t_ns >= fault.fired_ns]
        if not seen and (note is None or note["state"] != "T"):
            return None
        return "stopped by SIGSTOP, seen in state T"
