"""What the child writes piece by piece reaches the parent in few large pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import pieces, size
from gostage_sim.units import Bytes, Seconds

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class Coalescer:
    """Holds back what comes until it has `size` bytes, or the oldest of them has waited for `longest`, and hands all of
    it on at once.

    By gRPC a child waits for answers to what it sends, so there `longest` is what it waits each time.
    """

    kind: ClassVar[str] = "coalescer"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- coalescer: {size: 4KiB, longest: 50ms}
  at: definition
"""

    size: Bytes = field(
        default=4096, metadata={"description": "bytes that are held back at least", "ge": 2, "le": 2**20}
    )
    longest: Seconds = field(
        default=0.05, metadata={"description": "how long a byte is held back", "ge": 0.001, "le": 60.0}
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        held = bytearray()
        until = 0.0
        while (piece := stream.read(until - monotonic() if held else None)) != b"":
            if piece and not held:
                until = monotonic() + self.longest
            held += piece or b""
            if held and (piece is None or len(held) >= self.size):
                stream.write(bytes(held))
                held.clear()
        stream.write(bytes(held))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """In the relay's journal, fewer pieces written than read, and as many bytes."""
        came, went = pieces(fault, "read"), pieces(fault, "wrote")
        if len(went) >= len(came) or size(went) != size(came):
            return None
        return (
            f"made {len(went):,} of {len(came):,} pieces, the largest of {max(piece.length for piece in went):,} bytes"
        )
