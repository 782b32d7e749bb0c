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
_PROCESSES = ("grandchild", "daemon")

#: What the grandchild runs: write to fd 1, tell the child who it is and how much it was, and stay until killed.
#: A daemon first leaves the child's session, and by a second fork the child itself.
_GRANDCHILD = """\
import os, signal, sys
if sys.argv[2] == "daemon":
    os.setsid()
    if os.fork():
        os._exit(0)
written = os.write(1, b"stray output of a %s\\n" % sys.argv[2].encode())
os.write(int(sys.argv[1]), b"%d %d" % (os.getpid(), written))
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
    * `form: daemon`: the same, but it leaves the child's session and process group and forks a second time, so that no
      signal to the group and no parent's wait finds it. Only a reaper of orphans does, and that is the observer: it
      ends the daemon and `nothing-left` does not hold it against the engine, which was not asked to look for daemons

    With `keep_channel` the grandchild or daemon also gets a copy of the private descriptor of the channel, as a
    careless fork would leave it: then the stream does not end when the child does.
    """

    kind: ClassVar[str] = "stray"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- stray: {form: grandchild, keep_channel: true}
  at: {message: 100}
"""

    form: Literal["print", "c_write", "grandchild", "daemon"] = field(
        default="print", metadata={"description": "who writes, and through what"}
    )
    keep_channel: bool = field(
        default=False, metadata={"description": "whether a grandchild or daemon holds the channel open too"}
    )

    def __post_init__(self) -> None:
        if self.keep_channel and self.form not in _PROCESSES:
            raise ValueError(f"keep_channel goes with form: grandchild or daemon only; found form: {self.form}")

    def inject(self, victim: Victim) -> None:
        if self.form == "print":
            print(_TEXT, flush=True)
            victim.note(written=len(_TEXT) + 1)
        elif self.form == "c_write":
            victim.note(**_write_through_c())
        else:
            pid, written = _start(self.form, victim.channel_fd if self.keep_channel else None)
            victim.note(written=written, **{self.form: pid})

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note of how many bytes went to fd 1, and of the pid of a grandchild or daemon."""
        note = note_with(fault, "written")
        if note is None or note["written"] <= 0:
            return None
        who = f"{self.form} {note[self.form]}" if self.form in _PROCESSES else self.form
        return f"{who} wrote {note['written']} bytes to fd 1"


def _write_through_c() -> dict[str, int]:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.write.restype = ctypes.c_ssize_t
    line = f"{_TEXT} of write()\n".encode()
    written = libc.write(1, line, ctypes.c_size_t(len(line)))
    printed = libc.printf(b"stray output of printf()\n")
    return {"written": written, "printed": printed, "flushed": libc.fflush(None)}


def _start(form: str, channel_fd: int | None) -> tuple[int, int]:
    """The pid of the grandchild or daemon, and how many bytes it wrote to fd 1: waits for it to have done so."""
    import os
    import sys

    answer, tell = os.pipe()
    handed_over = [tell] if channel_fd is None else [tell, os.dup(channel_fd)]
    try:
        for fd in handed_over:
            os.set_inheritable(fd, True)
        # Not subprocess: it would close what is inherited, and complain when the child leaves without waiting for it.
        command = [sys.executable, "-I", "-S", "-c", _GRANDCHILD, str(tell), form]
        started = os.posix_spawn(sys.executable, command, os.environ)
    finally:
        for fd in handed_over:
            os.close(fd)
    with os.fdopen(answer, "rb") as reader:
        pid, written = map(int, reader.read().split() or (0, 0))
    if form == "daemon":
        os.waitpid(started, 0)  # the one in between has left
    return pid, written
