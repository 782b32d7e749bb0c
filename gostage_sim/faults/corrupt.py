"""One bit of what the child sends is another one when it reaches the parent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import notes_with, pieces, size

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_HIGHEST_BIT = 0x80
_NEWLINE = 0x0A


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Flips the highest bit of the byte at `offset` of the stream, counted from 0.

    Over JSON the line it is in is no UTF-8 any more, and is to be put into quarantine; where the byte is a newline, the
    one before it is flipped instead. The message of that line is lost, which no parent can prevent. By gRPC the first
    24 bytes are HTTP/2's greeting, without which the parent ends the connection; what follows are its frames.
    """

    kind: ClassVar[str] = "corrupt"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- corrupt: {offset: 1000}
  at: definition
"""

    offset: int = field(default=0, metadata={"description": "which byte of the stream, from 0", "ge": 0})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        for frame in stream.frames():
            at = self.offset - stream.position
            if not 0 <= at < len(frame):
                stream.write(frame)
                continue
            if stream.in_lines and frame[at] == _NEWLINE and at:
                at -= 1
            changed = bytearray(frame)
            changed[at] ^= _HIGHEST_BIT
            stream.note(flipped=stream.position + at, was=frame[at], became=changed[at])
            if stream.in_lines:
                stream.note(broke=stream.position, length=len(frame), line=stream.lines + 1)
            stream.write(bytes(changed))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's note of the byte before and after, and that the byte was handed on."""
        flipped = notes_with(fault, "flipped")
        if not flipped or size(pieces(fault, "wrote")) <= flipped[0]["flipped"]:
            return None
        note = flipped[0]
        return f"byte {note['flipped']:,} of the stream was {note['was']:#04x} and became {note['became']:#04x}"
