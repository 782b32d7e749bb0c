"""What the child writes at once reaches the parent in many small pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import pieces, size
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Slicer:
    """Cuts the stream into pieces of `size` bytes, each of which the parent may read alone, and loses none.

    Messages, multi-byte characters and, by gRPC, frames of HTTP/2 are cut wherever it hits them. Each piece is
    recorded, so that very small ones of a large stream cost time.

    After Toxiproxy's toxic of this name.
    """

    kind: ClassVar[str] = "slicer"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- slicer: {size: 7B}
  at: definition
"""

    size: Bytes = field(default=7, metadata={"description": "bytes in a piece", "ge": 1, "le": 2**16})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        for piece in stream:
            for start in range(0, len(piece), self.size):
                stream.write(piece[start : start + self.size])

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """In the relay's journal, more pieces written than read, none of them too long, and as many bytes."""
        came, went = pieces(fault, "read"), pieces(fault, "wrote")
        if len(went) <= len(came) or max(piece.length for piece in went) > self.size or size(went) != size(came):
            return None
        return f"cut {size(came):,} bytes into {len(went):,} pieces of at most {self.size:,}"
