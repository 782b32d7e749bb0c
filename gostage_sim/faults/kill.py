"""A signal from outside, sent by the observer, as an operator or the kernel's OOM killer would."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.core_dumps import forbid_core_dumps
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Those that end a Python process which does nothing about them. SIGINT is an exception to Python, SIGPIPE is ignored.
KillSignal = Literal["SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGUSR1", "SIGUSR2"]

_SEEN_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Kill:
    """Kills the child from outside: it holds still at the point, and the observer sends the signal through its pidfd.

    With `in_write` the child goes on at the point, a byte of a message, and the observer sends the signal when the
    kernel shows the child asleep in the write of the rest. Let that be much more than a pipe holds, else the child may
    be through before anybody sees it.

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
    in_write: bool = field(
        default=False, metadata={"description": "whether it comes while the child is blocked in the rest of a message"}
    )

    def __post_init__(self) -> None:
        if self.ignored and self.in_write:
            raise ValueError("a child that ignores the signal goes on writing; use ignored or in_write")
        if self.ignored and self.signal != "SIGTERM":
            raise ValueError(f"ignored goes with signal: SIGTERM only; found signal: {self.signal}")

    def inject(self, victim: Victim) -> None:
        forbid_core_dumps()
        if self.ignored:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.in_write:
            victim.note(holding=False)
            victim.call_observer()
            return
        victim.note(holding=True, ignores="SIGTERM" if self.ignored else None)
        victim.hold()

    def inflict(self, target: Target) -> None:
        facts = {}
        if self.in_write:
            facts["blocked_bytes"] = target.wait_for_write(_SEEN_WITHIN_S)
            if facts["blocked_bytes"] is None:
                target.note(**facts, waited_up_to_s=_SEEN_WITHIN_S)
                return
        target.signal(self.signal)
        target.note(signalled=self.signal, **facts)

    def placement_problem(self, at: Placement) -> str | None:
        if self.in_write and at.point != "byte":
            return "in_write is about the rest of a message; use {message: n, byte: b}"
        return None

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        if self.in_write and transport == "grpc":
            return "gRPC never blocks in a write, what the parent does not take yet waits in the child's memory"
        return None

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The observer's note that it sent the signal to the held child, and the kernel's word on what killed it. With
        `in_write` also the size of the write(2) in which `/proc` showed the child before, and that it never returned.
        """
        held, sent = note_with(fault, "holding"), note_with(fault, "signalled", by="observer")
        expected = "SIGKILL" if self.ignored else self.signal
        if held is None or sent is None or child.exit is None or child.exit.signal != expected:
            return None
        if self.ignored:
            return "ignored the SIGTERM sent through the pidfd and ended by SIGKILL"
        if not self.in_write:
            return f"killed by {self.signal} through the pidfd"
        if "blocked_bytes" not in sent or child.handed_over == len(child.sent):
            return None
        return f"killed by {self.signal} through the pidfd, blocked in a write of {sent['blocked_bytes']:,} bytes"
