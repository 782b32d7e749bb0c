"""A message reaches the parent twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.passage import lines_problem, notes_with, pieces, size

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Hands line `message` on twice, one after the other, whole both times.

    No parent can know better: let the scenario say `expect_verdict: {no-duplicate: fail}`.
    """

    kind: ClassVar[str] = "duplicate"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- duplicate: {message: 30}
  at: definition
"""

    message: int = field(default=1, metadata={"description": "which line of the stream, from 1", "ge": 1})

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return lines_problem(transport)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        for number, line in enumerate(stream.frames(), 1):
            if number == self.message:
                stream.note(doubled=number, at=stream.position, size=len(line))
                stream.write(line)
            stream.write(line)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's note of the line, and that so many bytes more were handed on than came."""
        doubled = notes_with(fault, "doubled")
        if not doubled or size(pieces(fault, "wrote")) != size(pieces(fault, "read")) + doubled[0]["size"]:
            return None
        note = doubled[0]
        return f"line {note['doubled']}, of {note['size']:,} bytes at offset {note['at']:,}, was handed on twice"
