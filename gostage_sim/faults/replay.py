"""The bytes of an earlier session come once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: A whole session, which failed. On the wire each line says so of its sender.
_MESSAGES: tuple[tuple[str, Any], ...] = (
    ("store_put", {"key": "user-1", "value": "of an earlier session"}),
    ("log", {"level": "info", "message": "an earlier session"}),
    ("final_store", {"user-1": "of an earlier session"}),
    (
        "workflow_result",
        {"workflow_id": "earlier", "success": False, "error_message": "it was in vain", "execution_time_ms": 1},
    ),
)
_CONTEXT = {"workflow_id": "earlier", "session_id": "0123456789abcdef" * 2, "is_child": True}


@dataclass(frozen=True, slots=True)
class Replay:
    """Writes the lines of an earlier session, which failed, in the middle of this one: as a proxy or a cache would.

    They are messages like any other, of the child that wrote them. Store and result among them are not its last words:
    what counts is what it says of itself in the end.
    """

    kind: ClassVar[str] = "replay"
    points: ClassVar[frozenset[Point]] = frozenset({"definition", "step", "message"})
    example: ClassVar[str] = """\
- replay: {}
  at: {message: 100}
"""

    def sends(self) -> Mapping[str, int]:
        return {type: 1 for type, _ in _MESSAGES}

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        if transport == "grpc" and at.point == "definition":
            return "by gRPC a child has no channel before it has read its definition"
        return None

    def inject(self, victim: Victim) -> None:
        import json

        for number, (type, payload) in enumerate(_MESSAGES, 1):
            line = json.dumps({"type": type, "payload": payload, "context": {**_CONTEXT, "sequence": number}})
            victim.write_raw(line.encode() + b"\n", must_quarantine=False, message=(type, payload), note="replayed")
        victim.note(replayed=len(_MESSAGES))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The lines in the child's journal, and the note that the last write returned."""
        note = note_with(fault, "replayed")
        if note is None or fault.fired_ns is None:
            return None
        written = sum(frame.note == "replayed" and frame.t_ns >= fault.fired_ns for frame in child.raw)
        return None if written < note["replayed"] else f"{note['replayed']} lines of an earlier session written"
