"""Output that is no message, from somewhere in the process or from a process it started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_TEXT = "stray output"

#: What the grandchild runs: write to fd 1, tell the child how much it was, and stay until killed.
_GRANDCHILD = """\
import os, signal, sys
written = os.write(1, b"stray output of a grandchild\\n")
os.write(int(sys.argv[1]), str(written).encode())
os.close(int(sys.argv[1]))
while True:
    signal.pause()
"""


@dataclass(frozen=True, slots=True)
class Stray:
    """Writes to standard output what is no message, as libraries and plug-ins do.

    * `form: print`: a line through Python's `print()`, flushed
    * `form: c_write`: a line through `write(1, …)` of the C library, and one through `printf()` and `fflush()`
    * `form: grandchild`: starts a Python process in the child's process group that inherits its standard descriptors,
      writes a line to fd 1 and stays for ever, also after the child is gone

    With `keep_channel` the grandchild also gets a copy of the private descriptor of the channel, as a careless fork
    would leave it: then the stream does not end when the child does.
    """

    kind: ClassVar[str] = "stray"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- stray: {form: grandchild, keep_channel: true}
  at: {message: 100}
"""

    form: Literal["print", "c_write", "grandchild"] = field(
        default="print", metadata={"description": "who writes, and through what"}
    )
    keep_channel: bool = field(
        default=False, metadata={"description": "whether the grandchild holds the channel open too"}
    )

    def __post_init__(self) -> None:
        if self.keep_channel and self.form != "grandchild":
            raise ValueError(f"keep_channel goes with form: grandchild only; found form: {self.form}")

    def inject(self, victim: Victim) -> None:
        if self.form == "print":
            print(_TEXT, flush=True)
            victim.note(written=len(_TEXT) + 1)
        elif self.form == "c_write":
            victim.note(**_write_through_c())
        else:
            pid, written = _start_grandchild(victim.channel_fd if self.keep_channel else None)
            victim.note(written=written, grandchild=pid)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note of how many bytes went to fd 1, and of the pid of a grandchild."""
        note = note_with(fault, "written")
        if note is None or note["written"] <= 0:
            return None
        who = f"grandchild {note['grandchild']}" if self.form == "grandchild" else self.form
        return f"{who} wrote {note['written']} bytes to fd 1"


def _write_through_c() -> dict[str, int]:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.write.restype = ctypes.c_ssize_t
    line = f"{_TEXT} of write()\n".encode()
    written = libc.write(1, line, ctypes.c_size_t(len(line)))
    printed = libc.printf(b"stray output of printf()\n")
    return {"written": written, "printed": printed, "flushed": libc.fflush(None)}


def _start_grandchild(channel_fd: int | None) -> tuple[int, int]:
    """Its pid, and how many bytes it wrote to fd 1: waits for it to have done so."""
    import os
    import sys

    answer, tell = os.pipe()
    handed_over = [tell] if channel_fd is None else [tell, os.dup(channel_fd)]
    try:
        for fd in handed_over:
            os.set_inheritable(fd, True)
        # Not subprocess: it would close what is inherited, and complain when the child leaves without waiting for it.
        command = [sys.executable, "-I", "-S", "-c", _GRANDCHILD, str(tell)]
        pid = os.posix_spawn(sys.executable, command, os.environ)
    finally:
        for fd in handed_over:
            os.close(fd)
    with os.fdopen(answer, "rb") as reader:
        return pid, int(reader.read() or 0)
