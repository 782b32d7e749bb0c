"""From some point on, what the child sends vanishes, and nobody is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import notes_with, pieces, size
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Blackhole:
    """Takes all that the child sends and hands on what begins within the first `after` bytes, over JSON in whole lines;
    the stream stays open as long as the child does.

    A child over JSON learns nothing of it, and what it sends is lost, its result included. By gRPC it waits for answers
    that do not come: give it a short `timeout`.
    """

    kind: ClassVar[str] = "blackhole"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- blackhole: {after: 10KB}
  at: definition
"""

    after: Bytes = field(default=10_000, metadata={"description": "bytes that still pass", "ge": 0, "le": 2**40})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        begun = 0
        for frame in stream.frames():
            if begun < self.after:
                stream.write(frame)
            else:
                stream.note(vanished=begun, length=len(frame))
            begun += len(frame)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's notes of what came and was not handed on."""
        vanished, passed = notes_with(fault, "vanished"), size(pieces(fault, "wrote"))
        if not vanished or vanished[0]["vanished"] != passed:
            return None
        return f"{sum(note['length'] for note in vanished):,} bytes vanished behind the first {passed:,}"
