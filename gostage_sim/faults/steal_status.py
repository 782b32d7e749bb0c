"""Another part of the parent's program waits for every child, and takes the exit status from the engine."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import IN_PARENT, Point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: How long the engine is kept from its own wait: the thief is awake by then, or never.
_LONGEST_S = 5.0


@dataclass(frozen=True, slots=True)
class StealStatus:
    """Lets a thread of the parent call `waitpid(-1)` in a loop, as careless libraries do, until the spawn has returned.

    The engine is held back just before its own wait until the thread has the status: who is first is no matter of luck.
    """

    kind: ClassVar[str] = "steal_status"
    points: ClassVar[frozenset[Point]] = IN_PARENT
    example: ClassVar[str] = """\
- steal_status: {}
  at: spawn
"""

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        stolen: set[int] = set()
        more = threading.Condition()
        last, end = _last_child()

        def wait_until_stolen(pid: int) -> None:  # of this very child: others end meanwhile, and are stolen as well
            with more:
                more.wait_for(lambda: pid in stolen, _LONGEST_S)

        def steal() -> None:
            for pid in _steal(last, parent):
                with more:
                    stolen.add(pid)
                    more.notify_all()

        thief = threading.Thread(target=steal, name="waitpid(-1)")
        try:
            thief.start()
            parent.before_reaping(wait_until_stolen)
            yield
        finally:
            os.close(end)
            thief.join()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """What the thief got, which is the child's end in the kernel's words."""
        for note in fault.notes:
            if note.get("by") == "parent" and note.get("stole") == child.pid is not None:
                return f"waitpid(-1) in another thread took the status of process {child.pid}: {note['status']}"
        return None


def _last_child() -> tuple[int, int]:
    """A process that ends when the descriptor is closed: a thread in waitpid() cannot be woken in any other way."""
    import sys

    reading, writing = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", "-c", "import os; os.read(0, 1)"]
        pid = os.posix_spawn(sys.executable, command, {}, file_actions=[(os.POSIX_SPAWN_DUP2, reading, 0)])
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return pid, writing


def _steal(last: int, parent: Parent) -> Iterator[int]:
    """Whose status was taken, one after the other, until `last` has ended."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == last:
            return
        code = os.waitstatus_to_exitcode(status)
        parent.note(stole=pid, status=f"exit code {code}" if code >= 0 else f"killed by signal {-code}")
        yield pid
