"""The parent's own middleware raises."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import AT_SPAWN, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord


class BrokenMiddleware(Exception):  # noqa: N818 - named for what it is
    """An exception out of middleware."""


@dataclass(frozen=True, slots=True)
class BadMiddleware:
    """Adds middleware to the parent for this one spawn, which raises.

    * `hook: message`: spawn middleware (`on_child_message`), with every message of the child, before its handlers
    * `hook: after`: spawn middleware (`after_spawn`), when the child is gone
    * `hook: inbound`: IPC middleware (`inbound`), with message `every` of the child and each time so many more came

    Handlers must see every message all the same, but for those that inbound middleware rejected, which are recorded;
    the caller must get the result.
    """

    kind: ClassVar[str] = "bad_middleware"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- bad_middleware: {hook: message}
  at: spawn
"""

    hook: Literal["message", "after", "inbound"] = field(default="message", metadata={"description": "where it raises"})
    every: int = field(
        default=10,
        metadata={"description": "with which messages inbound middleware raises", "ge": 1, "le": 100_000_000},
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        broken: Any
        if self.hook == "inbound":
            broken = _Inbound(self.every)
            used = parent.use_for_messages(broken.inbound)
        else:
            broken = _OnMessage() if self.hook == "message" else _Afterwards()
            used = parent.use_for_spawns(broken)
        with used:
            yield
        parent.note(raised=broken.raised)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The parent's note of how often it raised: at least with each message that was handled, or just once, or with
        those messages that no handler saw."""
        note = note_with(fault, "raised", by="parent")
        if note is None:
            return None
        if self.hook == "after":
            return "after_spawn raised" if note["raised"] == 1 else None
        if self.hook == "inbound":
            seen = 0 < note["raised"] == len(child.rejected)
            return f"inbound middleware rejected {note['raised']} messages" if seen else None
        if not 0 < len(child.handled) <= note["raised"]:
            return None
        return f"on_child_message raised {note['raised']} times"


class _OnMessage:
    def __init__(self) -> None:
        self.raised = 0

    def on_child_message(self, ctx: Any, message: Any) -> None:
        self.raised += 1
        raise BrokenMiddleware(f"with message {self.raised}")


class _Inbound:
    def __init__(self, every: int) -> None:
        self.raised = self._seen = 0
        self._every = every

    def inbound(self, message: Any) -> Any:
        self._seen += 1
        if self._seen % self._every:
            return message
        self.raised += 1
        raise BrokenMiddleware(f"with message {self._seen}")


class _Afterwards:
    def __init__(self) -> None:
        self.raised = 0

    def after_spawn(self, ctx: Any) -> None:
        self.raised += 1
        raise BrokenMiddleware("afterwards")
