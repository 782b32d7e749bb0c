"""What faults of the stream have in common: where a relay sees lines, and what it wrote down of its pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gostage_sim.history.model import FaultRecord


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes at `offset` of the stream, at `t_ns` of the clock that all processes share."""

    t_ns: int
    offset: int
    length: int


def pieces(fault: FaultRecord, which: Literal["read", "wrote"]) -> list[Piece]:
    """What came from the child (`read`) or was handed on to the parent (`wrote`), in that order."""
    return [Piece(note["t_ns"], note[which], note["length"]) for note in notes_with(fault, which)]


def notes_with(fault: FaultRecord, key: str) -> list[dict[str, Any]]:
    """The notes of the fault's relay that have this key."""
    return [note for note in fault.notes if key in note and note.get("by") == "relay"]


def size(those: list[Piece]) -> int:
    """How many bytes they have together."""
    return sum(piece.length for piece in those)


def lines_problem(transport: str) -> str | None:
    """Why a fault of whole messages cannot be done on this transport, or None."""
    return "by gRPC a relay sees frames of HTTP/2 and no messages" if transport == "grpc" else None
