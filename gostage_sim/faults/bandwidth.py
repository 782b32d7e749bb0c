"""What the child sends trickles through a narrow line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import pieces, size
from gostage_sim.units import Bytes, format_duration

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: How many pieces a second are handed on while there is enough.
_PIECES = 50


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Hands on no more than `rate` bytes in a second, evenly. A child that sends more is slowed down by its full pipe,
    by gRPC by the answers that do not come.

    After Toxiproxy's toxic of this name.
    """

    kind: ClassVar[str] = "bandwidth"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- bandwidth: {rate: 16KiB}
  at: definition
"""

    rate: Bytes = field(default=16 * 1024, metadata={"description": "bytes a second", "ge": 1, "le": 2**30})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        most = max(1, self.rate // _PIECES)
        for piece in stream:
            for start in range(0, len(piece), most):
                part = piece[start : start + most]
                stream.wait(len(part) / self.rate)
                stream.write(part)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's journal, on the clock all processes share: all that was handed on took as long as it had to."""
        came, went = pieces(fault, "read"), pieces(fault, "wrote")
        if not went:
            return None
        took_s = (went[-1].t_ns - came[0].t_ns) / 1e9 if came else 0.0
        if took_s < size(went) / self.rate:
            return None
        return f"handed on {size(went):,} bytes in {format_duration(took_s)}, at most {self.rate:,} a second"
