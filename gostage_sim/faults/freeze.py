"""The process stops: alive, silent, deaf to every signal but SIGKILL and SIGCONT; for ever, or for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Seconds, format_duration

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_SEEN_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stops the child with SIGSTOP, sent by the observer through the pidfd, and waits until `/proc` shows state T.

    Without a duration nobody wakes it: it stays so until the engine ends it when its time is over. Give such a child a
    short `timeout`. With one the observer sends SIGCONT when it is over, and the child goes on as if nothing had been.
    """

    kind: ClassVar[str] = "freeze"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- freeze: {}
  at: {message: 100, byte: 7}     # in the middle of a message
"""

    duration: Seconds = field(
        default=0.0, metadata={"description": "how long it is stopped; 0s for ever", "ge": 0.0, "le": 1.5}
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.note(holding=True)
        victim.hold()

    def inflict(self, target: Target) -> None:
        target.signal("SIGSTOP")
        stopped = target.wait_for_state("T", _SEEN_WITHIN_S)
        target.note(state="T" if stopped else "not T", waited_up_to_s=_SEEN_WITHIN_S)
        if self.duration:
            time.sleep(self.duration)
            target.signal("SIGCONT")
            target.release()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """State T in `/proc`, as the observer saw it after the point was reached, and that a child that was woken went
        on, not before the duration was over."""
        note = note_with(fault, "state", by="observer")
        seen = [t_ns for t_ns in child.stopped_ns if fault.fired_ns is not None and t_ns >= fault.fired_ns]
        if not seen and (note is None or note["state"] != "T"):
            return None
        if not self.duration:
            return "stopped by SIGSTOP, seen in state T"
        if fault.fired_ns is None or fault.over_ns is None or fault.over_ns - fault.fired_ns < self.duration * 1e9:
            return None
        return f"stopped by SIGSTOP, seen in state T, and woken after {format_duration(self.duration)}"
