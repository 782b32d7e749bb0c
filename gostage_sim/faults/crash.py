"""The process does what the processor or the kernel forbids, and dies of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.core_dumps import forbid_core_dumps
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

CrashSignal = Literal["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"]


@dataclass(frozen=True, slots=True)
class Crash:
    """Crashes the child for real, as broken native code would: it does what the kernel answers with the signal.

    * SIGSEGV: reads a string at address 1 through ctypes; with `overflow`, runs a function in machine code that does
      nothing but call itself, until its stack of 8 MiB is full (on x86-64 and aarch64)
    * SIGABRT: calls `abort()` of the C library
    * SIGBUS: touches a mapped page of a file that was truncated to nothing
    * SIGILL: runs an instruction that is defined to be illegal (`ud2` on x86-64, `udf` on aarch64)
    * SIGFPE: divides an integer by zero in machine code on x86-64

    Processors of aarch64 do not trap a division by zero, so there SIGFPE is raised with `raise()`; so are SIGILL and
    SIGFPE on a processor that is neither of the two. The witness says which it was. Core dumps are switched off first.
    """

    kind: ClassVar[str] = "crash"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- crash: {signal: SIGSEGV}
  at: {message: 250}
"""

    signal: CrashSignal = field(default="SIGSEGV", metadata={"description": "the signal the kernel is to kill it with"})
    overflow: bool = field(
        default=False, metadata={"description": "by an overflow of the native stack; only with SIGSEGV"}
    )

    def __post_init__(self) -> None:
        if self.overflow and self.signal != "SIGSEGV":
            raise ValueError(f"overflow goes with signal: SIGSEGV only; found signal: {self.signal}")

    def inject(self, victim: Victim) -> None:
        from gostage_sim.faults.crash_site import way_to_die

        forbid_core_dumps()
        how, die = way_to_die(self.signal, overflow=self.overflow)
        victim.note(how=how)
        die()
        raise AssertionError(f"the child survived {how}, which should have ended it by {self.signal}")

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The kernel says it was killed by this signal, after the child's note of what it was about to do."""
        note = note_with(fault, "how")
        if note is None or child.exit is None or child.exit.signal != self.signal:
            return None
        return f"killed by {self.signal} after {note['how']}"
