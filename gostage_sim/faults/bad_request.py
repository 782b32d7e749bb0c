"""A gRPC request that holds no message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_NESTING = 100_000


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Makes one `SendMessage` call, on the child's own connection, whose request is no good `IPCMessage`.

    The parent must put these into quarantine and go on:

    * `not_protobuf`: bytes that are no protobuf
    * `no_payload`: a message without a payload
    * `unknown_enum`: a type that nobody has defined
    * `wrong_payload`: the type `log` with the payload of another type
    * `bad_json`: a payload that is not JSON
    * `deep_json`: a payload of 100,000 arrays in each other

    gRPC itself refuses `huge`, a request of `size` bytes, before the parent sees anything of it. Bad lines, which come
    in the calls that our own children make, are the fault `malformed`.
    """

    kind: ClassVar[str] = "bad_request"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message", "result"})
    example: ClassVar[str] = """\
- bad_request: {form: unknown_enum}
  at: {message: 100}
"""

    form: Literal["not_protobuf", "no_payload", "unknown_enum", "wrong_payload", "bad_json", "deep_json", "huge"] = (
        field(default="not_protobuf", metadata={"description": "what is wrong with the request"})
    )
    size: Bytes = field(
        default=17 * 2**20,
        metadata={
            "description": "length of huge; a request may have 16MiB and a little",
            "ge": 17 * 2**20,
            "le": 2**30,
        },
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "over JSON a child makes no requests" if transport == "json" else None

    def inject(self, victim: Victim) -> None:
        answer = victim.request(self._data(), must_quarantine=self.form != "huge", note=self.form)
        victim.note(answer=answer)

    def _data(self) -> bytes:
        from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

        payload = pb.IPCPayload(msg_type="bad_request", payload_json=b'{"text": "a good payload"}')
        match self.form:
            case "not_protobuf":
                return b"\xff" * 64
            case "no_payload":
                return pb.IPCMessage(type=pb.MESSAGE_TYPE_LOG, message_id="no payload").SerializeToString()
            case "unknown_enum":
                made = pb.IPCMessage(ipc_payload=payload)
                made.MergeFromString(b"\x08\x63")  # type = 99
                return made.SerializeToString()
            case "wrong_payload":
                return pb.IPCMessage(type=pb.MESSAGE_TYPE_LOG, ipc_payload=payload).SerializeToString()
            case "bad_json":
                payload.payload_json = b"{not JSON"
            case "deep_json":
                payload.payload_json = b"[" * _NESTING + b"]" * _NESTING
            case "huge":
                payload.payload_json = b'"' + b"x" * (self.size - 64) + b'"'
        return pb.IPCMessage(type=pb.MESSAGE_TYPE_IPC, ipc_payload=payload).SerializeToString()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The request in the child's journal, and the status with which its call ended."""
        note = note_with(fault, "answer")
        if note is None or fault.fired_ns is None or (note["answer"] == "OK") is (self.form == "huge"):
            return None
        for frame in child.raw:
            if frame.request and frame.note == self.form and frame.t_ns >= fault.fired_ns:
                return f"{self.form} sent: a request of {frame.length:,} bytes, answered {note['answer']}"
        return None
