"""The parent's own spawn middleware raises."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
    """Adds spawn middleware to the runner for this one spawn, which raises whenever it is called.

    * `hook: message`: with every message of the child, before its handlers (`on_child_message`)
    * `hook: after`: when the child is gone (`after_spawn`)

    Handlers must see every message all the same, and the caller the result.
    """

    kind: ClassVar[str] = "bad_middleware"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- bad_middleware: {hook: message}
  at: spawn
"""

    hook: Literal["message", "after"] = field(default="message", metadata={"description": "where it raises"})

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        broken = _OnMessage() if self.hook == "message" else _Afterwards()
        with parent.use_for_spawns(broken):
            yield
        parent.note(raised=broken.raised)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The parent's note of how often it raised: at least with each message that was handled, or just once."""
        note = note_with(fault, "raised", by="parent")
        if note is None:
            return None
        if self.hook == "after":
            return "after_spawn raised" if note["raised"] == 1 else None
        if not 0 < len(child.handled) <= note["raised"]:
            return None
        return f"on_child_message raised {note['raised']} times"


class _OnMessage:
    def __init__(self) -> None:
        self.raised = 0

    def on_child_message(self, ctx: Any, message: Any) -> None:
        self.raised += 1
        raise BrokenMiddleware(f"with message {self.raised}")


class _Afterwards:
    def __init__(self) -> None:
        self.raised = 0

    def after_spawn(self, ctx: Any) -> None:
        self.raised += 1
        raise BrokenMiddleware("afterwards")
