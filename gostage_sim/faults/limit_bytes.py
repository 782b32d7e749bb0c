"""The stream ends in the middle, while the child still sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.passage import notes_with, pieces, size
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Stream, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class LimitBytes:
    """Hands on the first `size` bytes, then ends the stream on both sides. What else the child has written is lost, and
    it cannot write any more. A stream that is not so long ends as it would without this fault.

    * `form: close`: the parent sees an ordinary end, of the pipe or by gRPC of the connection (FIN)
    * `form: reset`: by gRPC, the parent gets a RST; it may then lose bytes that it has not read yet

    After Toxiproxy's `limit_data` and `reset_peer`.
    """

    kind: ClassVar[str] = "limit_bytes"
    points: ClassVar[frozenset[Point]] = frozenset({"definition"})
    example: ClassVar[str] = """\
- limit_bytes: {size: 10KB}
  at: definition
"""

    size: Bytes = field(default=10_000, metadata={"description": "bytes that reach the parent", "ge": 1, "le": 2**40})
    form: Literal["close", "reset"] = field(default="close", metadata={"description": "how the stream ends"})

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "a pipe has no form: reset" if transport == "json" and self.form == "reset" else None

    def inject(self, victim: Victim) -> None:
        victim.interpose(self.relay)

    def relay(self, stream: Stream) -> None:
        for piece in stream:
            part, rest = piece[: self.size - stream.position], piece[self.size - stream.position :]
            stream.write(part)
            if stream.position < self.size:
                continue
            cut_off = stream.position - stream.line_start
            if stream.in_lines and cut_off and not rest.startswith(b"\n"):  # without its newline alone it is whole
                stream.note(broke=stream.line_start, length=cut_off)
            stream.note(cut=stream.position)
            if self.form == "reset":
                stream.reset()
            return

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The relay's note of the end, and that so many bytes and no more were handed on before."""
        cut = notes_with(fault, "cut")
        if not cut or size(pieces(fault, "wrote")) != self.size or cut[0]["cut"] != self.size:
            return None
        return f"the stream was ended ({self.form}) after {self.size:,} bytes"
