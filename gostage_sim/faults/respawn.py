"""The child starts itself again, and again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Respawn:
    """Spawns a child of the child by the engine, whose one action spawns another one, and so on without an end.

    It is the accident of a program that forgets to ask whether it is a child. Each waits for the next one, so all are
    there at once. The engine refuses at its `max_depth`, the process that is refused completes, and so do those above
    it. If nobody refuses, the thirtieth process goes no further, and the fault has no witness.
    """

    kind: ClassVar[str] = "respawn"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message"})
    example: ClassVar[str] = """\
- respawn: {}
  at: {message: 100}
"""

    def inject(self, victim: Victim) -> None:
        from gostage_sim.faults.respawner import MOST, spawn_next

        record = os.memfd_create("pids")  # no name in any folder, and yet the children find it
        try:
            result = spawn_next(f"/proc/{os.getpid()}/fd/{record}")
            pids = [int(line) for line in os.pread(record, 4096, 0).split()]
        finally:
            os.close(record)
        victim.note(pids=pids, most=MOST)
        result.raise_for_outcome()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The pids of the processes, written down by themselves; several, and fewer than there would be unrefused."""
        note = note_with(fault, "pids")
        if note is None or fault.over_ns is None or not 2 <= len(set(note["pids"])) < note["most"]:
            return None
        return f"{len(note['pids'])} processes, each started by the one before, and no more"
