"""The broker: messages to the handlers that asked for their type.

In a child it writes to the channel; elsewhere it calls the handlers of this process.
"""

from __future__ import annotations

from _thread import allocate_lock

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.wire.messages import Message

    Handler = Callable[[Message], object]

    class Channel(Protocol):
        """Where a child's messages go."""

        def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None: ...
        def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None: ...


class Broker:
    """Handlers by message type, and a default for types nobody asked for."""

    def __init__(self, channel: Channel | None = None) -> None:
        self._channel = channel
        self._lock = allocate_lock()
        self._by_type: dict[str, tuple[Handler, ...]] = {}
        self._default: tuple[Handler, ...] = ()

    def register_handler(self, type: str, handler: Handler) -> None:
        """Call `handler(message)` for every message of this type; several handlers run in the order registered."""
        if not isinstance(type, str) or not type:
            raise TypeError(f"a message type is a non-empty str; found {type!r}")
        _require_callable(handler)
        with self._lock:
            self._by_type[type] = (*self._by_type.get(type, ()), handler)

    def register_default_handler(self, handler: Handler) -> None:
        """Call `handler(message)` for every message whose type has no handler."""
        _require_callable(handler)
        with self._lock:
            self._default = (*self._default, handler)

    def routes(self) -> tuple[dict[str, tuple[Handler, ...]], tuple[Handler, ...]]:
        """Who gets what: handlers by type, and those for every other type. For reading only."""
        return self._by_type, self._default

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """Send to the channel in a child; otherwise call the handlers now, in this thread."""
        if self._channel is not None:
            self._channel.send(type, payload, context)
            return
        from gostage_sim.gostage.wire.messages import local_message

        message = local_message(type, payload, context)
        for handler in self._by_type.get(type, self._default):
            handler(message)

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """As `send` for each, in blocks where the channel can."""
        if self._channel is not None:
            self._channel.send_many(type, payloads, context)
            return
        for payload in payloads:
            self.send(type, payload, context)


def _require_callable(handler: object) -> None:
    if not callable(handler):
        raise TypeError(f"a handler is called with the message; found {handler!r}, which cannot be called")
