"""The process takes its time: before each message, before it starts, or for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import ending, note_with, sent_times
from gostage_sim.units import Seconds, format_duration

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: The clock of CPU time and the clock of the journals may run apart by this much.
_CLOCK_TOLERANCE = 0.99


@dataclass(frozen=True, slots=True)
class Slow:
    """Makes the child slow. The delay is the fault, nothing is timed by it.

    * `form: per_message` sleeps for `delay` before each later message
    * `form: busy` uses `delay` of CPU time before each later message, in pure Python, which keeps the GIL
    * `form: start` sleeps for `delay` before the definition is read; only at the definition
    * `form: never_ready` blocks for ever at the point, so that only the engine's time-out ends the child (`delay` is
      not used); at the definition it never gets ready for work
    """

    kind: ClassVar[str] = "slow"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- slow: {form: per_message, delay: 20ms}
  at: {message: 100}
"""

    form: Literal["per_message", "busy", "start", "never_ready"] = field(
        default="per_message", metadata={"description": "what takes long"}
    )
    delay: Seconds = field(default=0.02, metadata={"description": "how long, each time", "ge": 0.0001, "le": 60.0})

    def __post_init__(self) -> None:
        check_bounds(self)

    def placement_problem(self, at: Placement) -> str | None:
        if self.form == "start" and at.point != "definition":
            return "form: start is for at: definition only"
        if self.form in ("per_message", "busy") and at.point == "result":
            return f"no message follows the result that form: {self.form} could delay"
        return None

    def window_problem(self) -> str | None:
        return None if self.form in ("per_message", "busy") else f"form: {self.form} is about no message"

    def inject(self, victim: Victim) -> None:
        victim.note(slow=self.form)
        if self.form == "start":
            time.sleep(self.delay)
        elif self.form == "never_ready":
            victim.hold()
        else:
            victim.before_each_message(self._spin if self.form == "busy" else self._sleep)

    def _sleep(self) -> None:
        time.sleep(self.delay)

    def _spin(self) -> None:
        until = time.thread_time() + self.delay
        while time.thread_time() < until:
            pass

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The gaps between journal entries, on the clock all processes share: none is shorter than the delay."""
        if fault.fired_ns is None or note_with(fault, "slow") is None:
            return None
        if self.form == "start":
            return self._seen_start(fault.fired_ns, fault.over_ns)
        if self.form == "never_ready":
            return self._seen_never_ready(fault.fired_ns, fault, child)
        over = note_with(fault, "window_over")
        return self._seen_before_messages(fault.fired_ns, over["t_ns"] if over is not None else None, child)

    def _seen_start(self, fired_ns: int, over_ns: int | None) -> str | None:
        if over_ns is None or over_ns - fired_ns < self._least_ns:
            return None
        return f"started {format_duration((over_ns - fired_ns) / 1e9)} late"

    def _seen_never_ready(self, fired_ns: int, fault: FaultRecord, child: ChildHistory) -> str | None:
        if fault.over_ns is not None or child.exit is None or len(sent_times(child, fired_ns)):
            return None
        held = format_duration((child.exit.t_ns - fired_ns) / 1e9)
        return f"sent nothing for {held}, until {ending(child)}"

    def _seen_before_messages(self, fired_ns: int, over_ns: int | None, child: ChildHistory) -> str | None:
        times = [fired_ns, *(int(t_ns) for t_ns in sent_times(child, fired_ns, over_ns))]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if not gaps or min(gaps) < self._least_ns:
            return None
        return f"waited at least {format_duration(min(gaps) / 1e9)} before each of {len(gaps)} messages"

    @property
    def _least_ns(self) -> float:
        return self.delay * 1e9 * _CLOCK_TOLERANCE
