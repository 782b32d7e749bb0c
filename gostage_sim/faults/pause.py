"""The parent stands still for a while, as a whole."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import IN_PARENT, Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Another process, because one that is stopped cannot wake itself. It tells the state letter that `/proc` showed.
_STOP_AND_WAKE = """\
import os, signal, sys, time
pid, duration = int(sys.argv[1]), float(sys.argv[2])
def state():
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]
os.kill(pid, signal.SIGSTOP)
try:
    until = time.monotonic() + 5
    while state() != "T" and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(duration)
    os.write(1, state().encode())
finally:
    os.kill(pid, signal.SIGCONT)
"""
_GARBAGE = 500_000


@dataclass(frozen=True, slots=True)
class Pause:
    """Stops every thread of the parent, just before it spawns the child or while it handles one of its messages.

    * `how: stop`: another process sends it SIGSTOP and, after `duration`, SIGCONT, as a debugger, a container that is
      frozen or a laptop that sleeps would
    * `how: collect`: it makes 500,000 objects of garbage in cycles and has Python collect them in one go, which holds
      the GIL; `duration` is not used

    Children notice nothing but a pipe that is full for a while. The duration is the fault, nothing is timed by it.
    """

    kind: ClassVar[str] = "pause"
    points: ClassVar[frozenset[Point]] = IN_PARENT
    example: ClassVar[str] = """\
- pause: {how: stop, duration: 500ms}
  at: {handler: 100}
"""

    how: Literal["stop", "collect"] = field(default="stop", metadata={"description": "what stops it"})
    duration: Seconds = field(default=0.3, metadata={"description": "how long it is stopped", "ge": 0.001, "le": 1.5})

    def __post_init__(self) -> None:
        check_bounds(self)

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        if self.how == "stop":
            self._stop(parent)
        else:
            _collect(parent)
        yield

    def _stop(self, parent: Parent) -> None:
        import sys

        answer, tell = os.pipe()
        try:
            command = [sys.executable, "-I", "-S", "-c", _STOP_AND_WAKE, str(os.getpid()), str(self.duration)]
            pid = os.posix_spawn(sys.executable, command, {}, file_actions=[(os.POSIX_SPAWN_DUP2, tell, 1)])
        finally:
            os.close(tell)
        with os.fdopen(answer) as reader:
            state = reader.read()
        os.waitpid(pid, 0)
        parent.note(paused="stop", state=state)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """State T of the parent in `/proc` at the end of the pause, seen by who woke it; or what Python collected."""
        note = note_with(fault, "paused", by="parent")
        if note is None or note["paused"] != self.how:
            return None
        if self.how == "stop":
            return "the parent was stopped by SIGSTOP, seen in state T" if note["state"] == "T" else None
        if note["collected"] < _GARBAGE:
            return None
        return f"the parent collected {note['collected']:,} objects in {note['took_s']:.3f} s"


def _collect(parent: Parent) -> None:
    import gc
    import time

    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(_GARBAGE):
            cycle: list[object] = []
            cycle.append(cycle)
        del cycle
        started = time.monotonic()
        parent.note(paused="collect", collected=gc.collect(), took_s=time.monotonic() - started)
    finally:
        if was_enabled:
            gc.enable()
