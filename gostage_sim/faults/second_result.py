"""The child reports its result twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import sent_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class SecondResult:
    """Sends another `workflow_result` after the child's own, with a word of your choice, and leaves as if it had not.

    After a success `says: failure` contradicts the first one, and so the exit code; `says: success` merely repeats it.
    """

    kind: ClassVar[str] = "second_result"
    points: ClassVar[frozenset[Point]] = frozenset({"result"})
    example: ClassVar[str] = """\
- second_result: {says: failure}
  at: result
"""

    says: Literal["failure", "success"] = field(default="failure", metadata={"description": "what it reports"})

    def sends(self) -> Mapping[str, int]:
        return {"workflow_result": 1}

    def inject(self, victim: Victim) -> None:
        result: dict[str, Any] = {"success": self.says == "success", "error_message": ""}
        if self.says == "failure":
            result |= {"error_message": "second thoughts", "error": {"type": "Second", "message": "second thoughts"}}
        victim.send("workflow_result", result)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """Two results in the child's journal, of which one was sent while the fault struck and handed over."""
        if fault.fired_ns is None or fault.over_ns is None or child.handed_over < len(child.sent):
            return None

        def is_result(name: str) -> bool:
            return name == "workflow_result"

        first = sent_times(child, 0, fault.fired_ns, is_result)
        second = sent_times(child, fault.fired_ns, fault.over_ns, is_result)
        return f"sent a second result, of {self.says}" if (len(first), len(second)) == (1, 1) else None
