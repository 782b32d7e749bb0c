"""The stream stays open for a while after the child is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import notes_with
from gostage_sim.units import Seconds, format_duration

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class SlowClose:
    """Hands on everything at once, and the end of the stream `delay` later, or not at all when the parent has closed
    its own end meanwhile. The child exits without waiting for that.

    After Toxiproxy's toxic of this name.
    """

    kind: ClassVar[str] = "slow_close"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- slow_close: {delay: 500ms}
  at: definition
"""

    delay: Seconds = field(
        default=0.5, metadata={"description": "how long it stays open at most", "ge": 0.001, "le": 60.0}
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        for piece in stream:
            stream.write(piece)
        stream.note(child_ended=stream.position)
        stream.release()
        by_parent = not stream.wait(self.delay)
        stream.note(closed=stream.position, by_parent=by_parent)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's notes of both ends, the second of them after the kernel's word of the child's exit."""
        ended, closed = notes_with(fault, "child_ended"), notes_with(fault, "closed")
        if not ended or not closed or child.exit is None or closed[0]["t_ns"] <= child.exit.t_ns:
            return None
        held_s = (closed[0]["t_ns"] - ended[0]["t_ns"]) / 1e9
        held = f"open for {format_duration(held_s)} after its end"
        if closed[0]["by_parent"]:
            return f"{held}, until the parent closed it"
        return held if held_s >= self.delay else None
