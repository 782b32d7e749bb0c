"""The child's gRPC connection breaks, and the child lives on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    import socket

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: What must stay open when the fault's code has returned.
_KEPT: list[socket.socket] = []
#: In which states of TCP the child's end is then.
_BROKEN = {
    "reset": ("gone",),
    "half_close": ("FIN_WAIT1", "FIN_WAIT2", "CLOSING", "TIME_WAIT", "LAST_ACK", "CLOSE", "gone"),
    "blackhole": ("ESTABLISHED",),
}


@dataclass(frozen=True, slots=True)
class Connection:
    """Breaks the child's own end of its gRPC connection, below gRPC, on the socket itself.

    * `form: reset`: closes it with SO_LINGER 0, so that the parent gets a RST in the middle of a call
    * `form: half_close`: shuts down its writing side: the parent gets a FIN, and could still be heard
    * `form: blackhole`: takes the socket away from gRPC and keeps it open. To the parent it is half-open: established,
      and nobody is there; to the child, what it writes vanishes and no acknowledgement ever comes

    `then: hold` leaves the child there, alive and doing nothing, until the engine's time-out ends it: give such a child
    a short `timeout`. With `then: go_on` it goes on with its work as far as that is possible.
    """

    kind: ClassVar[str] = "connection"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message", "byte", "result"})
    example: ClassVar[str] = """\
- connection: {form: reset, then: go_on}
  at: {message: 100}
"""

    form: Literal["reset", "half_close", "blackhole"] = field(
        default="reset", metadata={"description": "how the connection breaks"}
    )
    then: Literal["hold", "go_on"] = field(
        default="hold", metadata={"description": "whether the child does nothing from there on, or goes on"}
    )

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "over JSON a child has no connection" if transport == "json" else None

    def inject(self, victim: Victim) -> None:
        import socket

        from gostage_sim.faults.tcp import tcp_state

        fd = victim.channel_fd
        copy = socket.socket(fileno=os.dup(fd))
        port, remote_port = copy.getsockname()[1], copy.getpeername()[1]
        if self.form == "reset":
            _reset(copy, fd)
        elif self.form == "half_close":
            copy.shutdown(socket.SHUT_WR)
            copy.close()
        else:
            _KEPT.append(copy)
            _take_away(fd)
        victim.note(broken=self.form, state=tcp_state(port, remote_port), port=port)
        if self.then == "hold":
            victim.hold()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The state that the child's end of the connection has in the kernel, and that the child lived on."""
        note = note_with(fault, "broken")
        if note is None or note["state"] not in _BROKEN[self.form]:
            return None
        if child.exit is None or child.exit.t_ns <= note["t_ns"] or (fault.over_ns is None) is (self.then == "go_on"):
            return None
        lived = f"{(child.exit.t_ns - note['t_ns']) / 1e9:.3f} s"
        return f"{self.form} of the connection at port {note['port']}, then {note['state']}; it lived on for {lived}"


def _reset(copy: socket.socket, fd: int) -> None:
    import socket
    import struct

    copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    copy.close()
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, fd, inheritable=False)  # closes the last descriptor of the socket; gRPC must not lose its number
    os.close(nothing)


def _take_away(fd: int) -> None:
    """Let gRPC write into a socket that nobody reads."""
    import socket

    one, other = socket.socketpair()
    one.setblocking(False)
    os.dup2(one.fileno(), fd, inheritable=False)
    one.close()
    _KEPT.append(other)
