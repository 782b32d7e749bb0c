"""The parent's own program stops its gRPC server while children send."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class LoseServer:
    """Closes the runner, as its user may at any time, while it handles a message of the child.

    The server takes every child's connection with it, siblings included: none of them can send anything any more. The
    same runner serves the next child by a new server.
    """

    kind: ClassVar[str] = "lose_server"
    points: ClassVar[frozenset[Point]] = frozenset({"handler"})
    example: ClassVar[str] = """\
- lose_server: {}
  at: {handler: 30}
"""

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        return "over JSON there is no server" if transport == "json" else None

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        before = parent.listening()
        parent.close_runner()
        parent.note(listened_at=before, listens_at=parent.listening())
        yield

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The ports on which the kernel had the parent listen before and after."""
        note = note_with(fault, "listened_at", by="parent")
        if note is None or not note["listened_at"] or set(note["listened_at"]) & set(note["listens_at"]):
            return None
        return f"the parent listened at port {note['listened_at'][0]}, and does no more"
