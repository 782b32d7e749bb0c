"""The child fills a disk, one that is real and small."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import ending, note_with
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """Mounts a tmpfs of `size` bytes, which nobody else sees and which is gone with the child, and writes a file there
    until the kernel has no room for more (ENOSPC): an error that leaves the action. The full disk stays to the end.

    Nothing of this is emulated. Where nothing may be mounted it cannot be done: write `only_on: {reason: …, tmpfs:
    true}`. `run_out: {of: disk}` needs nothing, and is full from the first byte.
    """

    kind: ClassVar[str] = "small_disk"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message"})
    example: ClassVar[str] = """\
- small_disk: {size: 1MiB}
  at: {message: 100}
"""

    size: Bytes = field(
        default=2**20, metadata={"description": "how much there is room for", "ge": 64 * 2**10, "le": 64 * 2**20}
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        from gostage_sim.faults.tmpfs import small_tmpfs

        disk = small_tmpfs(self.size)
        file = os.open("full", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, dir_fd=disk)
        written = 0
        try:
            while True:
                written += os.write(file, b"x" * _BLOCK_BYTES)
        except OSError as error:
            from errno import errorcode

            victim.note(met=errorcode.get(error.errno or 0, str(error.errno)), written=written)
            raise

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The error that the kernel gave when something, and no more than there was room for, was written; and an exit
        that is no success."""
        note = note_with(fault, "met")
        if note is None or note["met"] != "ENOSPC" or not 0 < note["written"] <= self.size:
            return None
        if child.exit is None or child.exit.exit_code == 0:
            return None
        return f"met ENOSPC after {note['written']:,} bytes; the process {ending(child)}"
