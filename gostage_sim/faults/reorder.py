"""A message reaches the parent after one that was sent later."""

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
class Reorder:
    """Holds line `message` back until `behind` later ones have passed, or the stream is at its end.

    No parent can know better: let the scenario say `expect_verdict: {order: fail}`.
    """

    kind: ClassVar[str] = "reorder"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- reorder: {message: 30}
  at: definition
"""

    message: int = field(default=1, metadata={"description": "which line of the stream, from 1", "ge": 1})
    behind: int = field(default=1, metadata={"description": "how many later ones overtake it", "ge": 1, "le": 1000})

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return lines_problem(transport)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        held, overtaken_by = b"", 0
        for number, line in enumerate(stream.frames(), 1):
            if number == self.message:
                held = line
                continue
            stream.write(line)
            overtaken_by += number > self.message
            if overtaken_by == self.behind:
                self._let_go(held, overtaken_by, stream)
        if held and overtaken_by < self.behind:
            self._let_go(held, overtaken_by, stream)

    def _let_go(self, line: bytes, overtaken_by: int, stream: Stream) -> None:
        stream.note(moved=self.message, overtaken_by=overtaken_by, at=stream.position, size=len(line))
        stream.write(line)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's note of the line and of how many had overtaken it, and that nothing was lost."""
        moved = notes_with(fault, "moved")
        if not moved or not moved[0]["overtaken_by"] or size(pieces(fault, "wrote")) != size(pieces(fault, "read")):
            return None
        note = moved[0]
        return f"line {note['moved']} was overtaken by {note['overtaken_by']}, and handed on at offset {note['at']:,}"
