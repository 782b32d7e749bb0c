"""Somebody who is no child, or pretends to be one, knocks at the parent's gRPC server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    import socket

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_ANSWER_S = 10.0
_HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Connections that are never to end before the process does.
_KEPT: list[socket.socket] = []


@dataclass(frozen=True, slots=True)
class Intruder:
    """Connects to the server of the parent beside the child's own connection, `count` times one after another.

    * `form: garbage`: 4 KiB of noise
    * `form: http`: a request of HTTP/1.1, as a browser or a health check sends
    * `form: scan`: connects and leaves at once, as a port scan does
    * `form: silent`: connects, never speaks, and stays as long as the child does
    * `form: wrong_token`, `no_token`: a good gRPC call with a message, and a token that nobody has, or none
    * `form: second_connection`: the same with the child's own token, while its first connection lives
    * `form: second_server`: does not connect, but tries to listen at the same port, with SO_REUSEPORT, as a second
      server of gRPC does; where it may, it would get a part of all later children, and this one fails and says so

    None of it may reach a handler, and the child's own messages go on as before.
    """

    kind: ClassVar[str] = "intruder"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message", "result"})
    example: ClassVar[str] = """\
- intruder: {form: wrong_token}
  at: {message: 100}
"""

    form: Literal[
        "garbage", "http", "scan", "silent", "wrong_token", "no_token", "second_connection", "second_server"
    ] = field(default="garbage", metadata={"description": "who knocks"})
    count: int = field(default=1, metadata={"description": "how often", "ge": 1, "le": 200})

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "over JSON nobody listens" if transport == "json" else None

    def inject(self, victim: Victim) -> None:
        answers: dict[str, int] = {}
        for _ in range(self.count):
            answer = self._knock(victim)
            answers[answer] = answers.get(answer, 0) + 1
        victim.note(answers=answers)

    def _knock(self, victim: Victim) -> str:
        if self.form in ("wrong_token", "no_token", "second_connection"):
            token = {"wrong_token": f"{victim.rng.getrandbits(256):x}", "second_connection": victim.token}
            return _call(victim.server, token.get(self.form))
        if self.form == "scan":
            _connect(victim.server).close()
            return "accepted"
        if self.form == "second_server":
            return _listen(victim.server)
        if self.form == "silent":
            _KEPT.append(_connect(victim.server))
            return "accepted"
        with _connect(victim.server) as stranger:
            stranger.sendall(victim.rng.randbytes(4096) if self.form == "garbage" else _HTTP)
            return _until_the_end(stranger)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """What the server answered, as the intruder saw it; of a second server, what the kernel did."""
        note = note_with(fault, "answers")
        if note is None or sum(note["answers"].values()) != self.count:
            return None
        return f"{self.form}: " + ", ".join(f"{answer} {times}x" for answer, times in note["answers"].items())


def _connect(server: str) -> socket.socket:
    import socket

    return socket.create_connection(_address(server), timeout=_ANSWER_S)


def _listen(server: str) -> str:
    """The errno with which the kernel refuses a second listener at the port; an AssertionError where it does not."""
    import errno
    import socket

    with socket.socket(socket.AF_INET6 if server.startswith("[") else socket.AF_INET) as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            second.bind(_address(server))
            second.listen()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
    raise AssertionError(f"a second server could listen at {server}, the port of the parent's")


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def _until_the_end(stranger: socket.socket) -> str:
    """What became of the connection; a TimeoutError when nothing did."""
    try:
        while stranger.recv(4096):
            pass
    except ConnectionResetError:
        return "reset"
    return "closed"


def _call(server: str, token: str | None) -> str:
    """A call from a connection of its own; the status with which it ends."""
    import grpc

    from gostage_sim.gostage.child import TOKEN_METADATA
    from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

    payload = pb.IPCPayload(msg_type="intruder", payload_json=b'"let me in"')
    message = pb.IPCMessage(type=pb.MESSAGE_TYPE_IPC, ipc_payload=payload)
    metadata = () if token is None else ((TOKEN_METADATA, token),)
    with grpc.insecure_channel(server, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        send: Any = channel.unary_unary("/gostage.WorkflowIPC/SendMessage")
        try:
            send(message.SerializeToString(), metadata=metadata, timeout=_ANSWER_S)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"
