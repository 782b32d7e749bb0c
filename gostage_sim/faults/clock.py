"""The clock that the parent measures timeouts by is set while children run."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Seconds, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Clock:
    """Steps the clock of the parent's runner (`Runner(clock=…)`) while a handler has a message of the child, as a clock
    on the wall is by whoever sets it.

    * `to: forward`: that is time which has passed; children whose time is over then are ended, others are not
    * `to: back`: that is no time; a child that hangs is ended after its timeout all the same, and nobody waits longer

    It is not set back afterwards: children that come later run with it. Clocks that nothing waits by, like that of the
    machine, need no fault.
    """

    kind: ClassVar[str] = "clock"
    points: ClassVar[frozenset[Point]] = frozenset({"handler"})
    example: ClassVar[str] = """\
- clock: {step: 1h, to: back}
  at: {handler: 100}
"""

    step: Seconds = field(
        default=3600.0, metadata={"description": "how far the clock is set", "ge": 0.001, "le": 24 * 3600.0}
    )
    to: Literal["forward", "back"] = field(default="forward", metadata={"description": "in which direction"})

    def __post_init__(self) -> None:
        check_bounds(self)

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        seconds = self.step if self.to == "forward" else -self.step
        parent.step_clock(seconds)
        parent.note(stepped_s=seconds)
        looked_at = parent.clock_looks()
        yield
        parent.note(looked_at_since=parent.clock_looks() - looked_at)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The parent's notes that it stepped the clock, and that this very clock was looked at since."""
        stepped, looked = note_with(fault, "stepped_s", by="parent"), note_with(fault, "looked_at_since", by="parent")
        if stepped is None or looked is None or abs(stepped["stepped_s"]) != self.step or looked["looked_at_since"] < 1:
            return None
        where = "forward" if stepped["stepped_s"] > 0 else "back"
        if where != self.to:
            return None
        return f"the clock was stepped {format_duration(self.step)} {where}, and looked at since"
