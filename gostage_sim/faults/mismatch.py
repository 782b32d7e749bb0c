"""The child is not the program that its parent takes it for: it lacks modules or actions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import ending, note_with, sent_times

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_MISSING_MODULE = "module_of_another_environment"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Lets the definition ask for what this child does not have, as after an update of the parent alone.

    * `lacks: module`: the parent's `SpawnOptions.imports` name a module that there is not, whose import fails for real
    * `lacks: actions`: the actions of the definition are registered in the parent and not here, as when the child has
      not imported their module
    """

    kind: ClassVar[str] = "mismatch"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- mismatch: {lacks: actions}
  at: definition
"""

    lacks: Literal["module", "actions"] = field(
        default="module", metadata={"description": "what the child does not have"}
    )

    def inject(self, victim: Victim) -> None:
        if self.lacks == "module":
            from gostage_sim.gostage.child import IMPORTS_VARIABLE

            os.environ[IMPORTS_VARIABLE] = _MISSING_MODULE  # how a parent hands over `SpawnOptions.imports`
            victim.note(lacks=_MISSING_MODULE)
        else:
            from gostage_sim.gostage import registry

            victim.note(lacks=", ".join(registry.registered_ids()))
            registry._factories.clear()  # nothing public takes a registration back

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note of what it lacks; then it sent nothing but a result of failure, and exited with 1."""
        note = note_with(fault, "lacks")
        if note is None or fault.fired_ns is None or child.exit is None or child.exit.exit_code != 1:
            return None
        if child.result != "failure" or len(sent_times(child, fault.fired_ns)):
            return None
        return f"lacked {note['lacks']}; the process {ending(child)}"
