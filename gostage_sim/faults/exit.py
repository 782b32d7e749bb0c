"""The process leaves by itself, in the middle of its work."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TextIO

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import note_with, sent_times

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


#: Streams whose text must still be in memory when the process is gone.
_KEPT: list[TextIO] = []


@dataclass(frozen=True, slots=True)
class Exit:
    """Ends the child with an exit code of its own choice. Code 0 before the result only looks like success.

    * `how: hard` calls `os._exit(code)`: no `finally`, no `atexit`, nothing is flushed
    * `how: normal` raises `SystemExit(code)` out of the action, as `sys.exit(code)` does
    * `how: unflushed` first leaves text for stderr in a buffer of Python and text for stdout in one of the C library,
      then calls `os._exit(code)`, so that both are lost

    `normal` cannot be placed at a byte: there the rest of a message would follow half a message.
    """

    kind: ClassVar[str] = "exit"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- exit: {code: 0, how: hard}      # exit 0 without a result
  at: {message: 100}
"""

    code: int = field(default=1, metadata={"description": "the exit code", "ge": 0, "le": 255})
    how: Literal["hard", "normal", "unflushed"] = field(
        default="hard", metadata={"description": "whether Python gets to tidy up, and what is left in buffers"}
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def placement_problem(self, at: Placement) -> str | None:
        if self.how == "normal" and at.point == "byte":
            return "with how: normal the rest of a message could follow half a message; use how: hard"
        return None

    def inject(self, victim: Victim) -> None:
        if self.how == "unflushed":
            victim.note(leaving=self.how, code=self.code, **_fill_buffers())
        else:
            victim.note(leaving=self.how, code=self.code)
        if self.how == "normal":
            raise SystemExit(self.code)
        os._exit(self.code)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The kernel's exit code, and after the child's note of how it would leave nothing but a result of that."""
        from gostage_sim.history.model import ENGINE_TYPES

        note = note_with(fault, "leaving")
        if note is None or child.exit is None or child.exit.exit_code != self.code or fault.fired_ns is None:
            return None
        by_engine = sent_times(child, fault.fired_ns, wanted=ENGINE_TYPES.__contains__)
        if len(sent_times(child, fault.fired_ns)) or (len(by_engine) and child.result != "exit"):
            return None  # it went on after the point, so the code may be that of an ordinary end
        ways = {"hard": "os._exit()", "normal": "SystemExit", "unflushed": "os._exit() with unflushed buffers"}
        return f"exited with {self.code} by {ways[self.how]}"


def _fill_buffers() -> dict[str, int]:
    """Characters left in buffers of our own: those of `sys.stderr` and `stdout` keep nothing under PYTHONUNBUFFERED."""
    import ctypes

    python_stream = open(2, "w", closefd=False)  # noqa: SIM115 - kept below: closing it, or losing it, would flush it
    in_python = python_stream.write("lost: in a Python buffer")
    _KEPT.append(python_stream)
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    c_stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
    in_c = libc.fprintf(c_stream, b"lost: in a buffer of the C library") if c_stream else 0
    return {"in_python_buffer": in_python, "in_c_buffer": in_c}
