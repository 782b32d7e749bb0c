"""The child says something in the middle of its work that is none of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import note_with, sent_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Hiccup:
    """Sends `count` messages of type `hiccup`, and goes on as if nothing had been."""

    kind: ClassVar[str] = "hiccup"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message"})
    example: ClassVar[str] = """\
- hiccup: {count: 3}
  at: {message: 10}
"""

    count: int = field(default=1, metadata={"description": "how many messages", "ge": 1, "le": 100})

    def __post_init__(self) -> None:
        check_bounds(self)

    def sends(self) -> Mapping[str, int]:
        return {"hiccup": self.count}

    def inject(self, victim: Victim) -> None:
        for number in range(self.count):
            victim.send("hiccup", {"number": number})
        victim.note(hiccups=self.count)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note, and its messages in the journal."""
        if note_with(fault, "hiccups") is None or fault.fired_ns is None:
            return None
        sent = len(sent_times(child, fault.fired_ns, fault.over_ns, lambda type: type == "hiccup"))
        return f"{sent} hiccups" if sent == self.count else None
