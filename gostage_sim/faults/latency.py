"""Everything the child sends is on its way for a while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.passage import pieces
from gostage_sim.units import Seconds, format_duration

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: How much is on its way at most; the child waits when there is more.
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Latency:
    """Hands every piece on `delay` after it came, and up to `jitter` later than that, evenly spread by the scenario's
    seed. Pieces never overtake each other, and many are on their way at once.

    After Toxiproxy's toxic of this name, whose jitter goes both ways.
    """

    kind: ClassVar[str] = "latency"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- latency: {delay: 50ms, jitter: 20ms}
  at: definition
"""

    delay: Seconds = field(default=0.05, metadata={"description": "how long at least", "ge": 0.001, "le": 60.0})
    jitter: Seconds = field(default=0.0, metadata={"description": "how much longer at most", "ge": 0.0, "le": 60.0})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        held: deque[tuple[float, bytes]] = deque()
        held_bytes, due = 0, 0.0
        ended = False
        while held or not ended:
            left_s = held[0][0] - monotonic() if held else None
            if left_s is not None and left_s <= 0:
                _, piece = held.popleft()
                held_bytes -= len(piece)
                stream.write(piece)
            elif left_s is not None and (ended or held_bytes >= _MOST_BYTES):
                stream.wait(left_s)
            elif came := stream.read(left_s):
                due = max(due, monotonic() + self.delay + stream.rng.uniform(0, self.jitter))
                held.append((due, came))
                held_bytes += len(came)
            else:
                ended = came == b""

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's journal, on the clock all processes share: no piece was handed on before its time."""
        came, went = pieces(fault, "read"), pieces(fault, "wrote")
        if not came or [piece.length for piece in came] != [piece.length for piece in went]:
            return None
        least_ns = min(later.t_ns - sooner.t_ns for sooner, later in zip(came, went, strict=True))
        if least_ns < self.delay * 1e9:
            return None
        return f"each of {len(went):,} pieces was on its way for at least {format_duration(least_ns / 1e9)}"
