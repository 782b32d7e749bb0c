"""A message before it is encoded, and its way through the outbound middleware."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from typing import Any

    from gostage_sim.gostage.broker import Outbound
    from gostage_sim.gostage.context import ActionContext


class OutgoingMessage:
    """What outbound middleware sees: `type` and `payload`, which it may set, and the `context` of the sender.

    `payload` is the object that was sent, not a copy. `context` is the ActionContext, None outside of an action.
    """

    __slots__ = ("context", "payload", "type")

    def __init__(self, type: str, payload: Any = None, context: ActionContext | None = None) -> None:
        self.type = type
        self.payload = payload
        self.context = context

    def __repr__(self) -> str:
        return f"OutgoingMessage({self.type!r}, {self.payload!r})"


def leave(
    chain: tuple[Outbound, ...], type: str, payload: Any, context: ActionContext | None
) -> OutgoingMessage | None:
    """The message as it leaves, or None when it was dropped. What the middleware raises is the sender's."""
    message = OutgoingMessage(type, payload, context)
    for outbound in chain:
        left = outbound(message)
        if left is None:
            return None
        if not isinstance(left, OutgoingMessage):
            raise TypeError(f"outbound middleware returns the OutgoingMessage or None; found {left!r}")
        message = left
    return message
