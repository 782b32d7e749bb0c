"""Text without end on the streams that carry no messages."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Of what is written at once.
_BLOCK_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Spill:
    """Writes `size` bytes to standard output or standard error, block after block, as chatty or broken programs do.

    * `form: lines`: lines of 80 characters
    * `form: one_line`: no newline at all
    * `form: binary`: every byte there is, over and over: neither UTF-8 nor anything else

    A pipe holds 64 KiB: the child gets on only as far as its parent reads along.
    """

    kind: ClassVar[str] = "spill"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- spill: {into: stderr, size: 8MiB}
  at: {message: 100}
"""

    into: Literal["stderr", "stdout"] = field(default="stderr", metadata={"description": "which stream"})
    form: Literal["lines", "one_line", "binary"] = field(default="lines", metadata={"description": "what is written"})
    size: Bytes = field(default=2**20, metadata={"description": "how much", "ge": 1, "le": 2**30})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        fd = {"stdout": 1, "stderr": 2}[self.into]
        block, written = self._block(), 0
        while written < self.size:
            written += os.write(fd, block[: self.size - written])
        victim.note(spilled=written)

    def _block(self) -> bytes:
        match self.form:
            case "lines":
                return (b"x" * 79 + b"\n") * (_BLOCK_BYTES // 80)
            case "one_line":
                return b"x" * _BLOCK_BYTES
            case "binary":
                return bytes(range(256)) * (_BLOCK_BYTES // 256)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note, made afterwards, of how many bytes the kernel took in all."""
        note = note_with(fault, "spilled")
        if note is None or note["spilled"] != self.size:
            return None
        return f"wrote {note['spilled']:,} bytes to {self.into}"
