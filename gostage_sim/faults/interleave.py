"""Two long lines written into each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: What a pipe takes in one piece (PIPE_BUF of Linux).
_PIECE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Interleave:
    """Writes two messages of `size` bytes in turns of 4,096, as two writers do that do not know of each other.

    A pipe keeps what is no longer than that in one piece, and longer lines are torn. What comes out are two lines of
    which neither is a message: the first has most of both, the second the end of the other.
    """

    kind: ClassVar[str] = "interleave"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message", "result"})
    example: ClassVar[str] = """\
- interleave: {size: 64KiB}
  at: {message: 100}
"""

    size: Bytes = field(
        default=16 * 2**10,
        metadata={"description": "length of each line", "ge": 2 * _PIECE_BYTES, "le": 4 * 2**20},
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        first, end, second = self._torn().partition(b"\n")
        for line in (first + end, second):
            victim.write_raw(line, must_quarantine=True, note="interleaved")
        victim.note(written=[len(first + end), len(second)])

    def _torn(self) -> bytes:
        """Both lines as they arrive."""
        lines = (self._pieces("a"), self._pieces("b"))
        return b"".join(chain.from_iterable(zip(*lines, strict=True)))

    def _pieces(self, letter: str) -> list[bytes]:
        start, end = b'{"type": "interleaved", "payload": {"text": "', b'"}}\n'
        line = start + letter.encode() * (self.size - len(start) - len(end)) + end
        # The first one is the short one: as the last one it could be the newline alone, which is no bad line.
        cuts = range(len(line) % _PIECE_BYTES or _PIECE_BYTES, len(line) + 1, _PIECE_BYTES)
        return [line[max(0, cut - _PIECE_BYTES) : cut] for cut in cuts]

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """Both lines in the child's journal, one behind the other, and the note that their writes returned."""
        note = note_with(fault, "written")
        if note is None or fault.fired_ns is None:
            return None
        mine = [frame for frame in child.raw if frame.note == "interleaved" and frame.t_ns >= fault.fired_ns][:2]
        if [frame.length for frame in mine] != note["written"] or mine[0].offset + mine[0].length != mine[1].offset:
            return None
        return f"two lines of {self.size:,} bytes in each other, at offset {mine[0].offset:,} of the stream"
