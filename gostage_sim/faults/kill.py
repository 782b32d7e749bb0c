"""A signal from outside, sent by the observer, as an operator or the kernel's OOM killer would."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.core_dumps import forbid_core_dumps
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Those that end a Python process which does nothing about them. SIGINT is an exception to Python, SIGPIPE is ignored.
KillSignal = Literal["SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGUSR1", "SIGUSR2"]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kills the child from outside: it holds still at the point, and the observer sends the signal through its pidfd.

    With `ignored` the child ignores SIGTERM first, so the signal has no effect and the child stays where it is, doing
    nothing, until the engine's time-out has sent SIGTERM in vain and, after the grace period, SIGKILL. Give such a
    child a short `timeout`.
    """

    kind: ClassVar[str] = "kill"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- kill: {signal: SIGTERM, ignored: true}
  at: {message: 100}
"""

    signal: KillSignal = field(default="SIGKILL", metadata={"description": "the signal the observer sends"})
    ignored: bool = field(
        default=False, metadata={"description": "whether the child ignores it first; only with SIGTERM"}
    )

    def __post_init__(self) -> None:
        if self.ignored and self.signal != "SIGTERM":
            raise ValueError(f"ignored goes with signal: SIGTERM only; found signal: {self.signal}")

    def inject(self, victim: Victim) -> None:
        forbid_core_dumps()
        if self.ignored:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        victim.note(holding=True, ignores="SIGTERM" if self.ignored else None)
        victim.hold()

    def inflict(self, target: Target) -> None:
        target.signal(self.signal)
        target.note(signalled=self.signal)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The observer's note that it sent the signal to the held child, and the kernel's word on what killed it."""
        held, sent = note_with(fault, "holding"), note_with(fault, "signalled", by="observer")
        expected = "SIGKILL" if self.ignored else self.signal
        if held is None or sent is None or child.exit is None or child.exit.signal != expected:
            return None
        if self.ignored:
            return "ignored the SIGTERM sent through the pidfd and ended by SIGKILL"
        return f"killed by {self.signal} through the pidfd"
