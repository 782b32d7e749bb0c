"""The fault that does nothing: how a fault is written, and a check that arming one changes nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Noop:
    """Does nothing at all. The child stops at the point, writes a note into its journal and goes on.

    Use it to see whether a scenario passes when nothing is broken, and read its source to write a fault of your own:
    parameters are the fields of a frozen dataclass, `inject` runs inside the child, `witness` looks for proof in what
    was recorded.
    """

    kind: ClassVar[str] = "noop"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- noop: {}
  at: {message: 10}
"""

    def inject(self, victim: Victim) -> None:
        victim.note(passed="the point was reached and nothing was done")

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note that it passed the point."""
        return "passed the point and did nothing" if note_with(fault, "passed") else None
