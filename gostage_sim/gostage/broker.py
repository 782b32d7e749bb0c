"""The broker: messages to the handlers that asked for them.

In a child it writes to the channel; elsewhere it calls the handlers of this process. A message goes this way:

    ctx.send → outbound middleware → the wire → inbound middleware → handlers

For every message the handlers that match it are called in this order, those of one rank in the order registered:

1. narrowed to an action, 2. to a stage, 3. to a workflow, 4. every handler of its type, 5. default handlers.

A handler narrowed by several things has the rank of the narrowest, and all of them must match. Default handlers are
called only for a message that no other handler matched.
"""

from __future__ import annotations

from _thread import allocate_lock

from gostage_sim.gostage.actions import called_by, require_plain
from gostage_sim.gostage.errors import MessageError

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.local import LocalChannel, LocalSession
    from gostage_sim.gostage.outgoing import OutgoingMessage
    from gostage_sim.gostage.wire.messages import Message, MessageContext
    from gostage_sim.gostage.workflow import Workflow

    Handler = Callable[[Message], object]
    OnHandlerError = Callable[[Message, Exception], object]
    Outbound = Callable[[OutgoingMessage], OutgoingMessage | None]
    Inbound = Callable[[Message], Message | None]

    class OutboundMiddleware(Protocol):
        """Sees what this process sends before it is encoded."""

        def outbound(self, message: OutgoingMessage) -> OutgoingMessage | None: ...

    class InboundMiddleware(Protocol):
        """Sees what this process receives before its handlers do."""

        def inbound(self, message: Message) -> Message | None: ...

    class Channel(Protocol):
        """Where a child's messages go."""

        def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None: ...
        def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None: ...
        def flush(self) -> None: ...
        def close(self) -> None: ...


ACTION, STAGE, WORKFLOW, GLOBAL = range(4)


class Registration:
    """One registered handler; `unregister()` ends it. As a context manager it ends with the block."""

    __slots__ = ("_broker", "action_name", "handler", "rank", "stage_id", "type", "workflow_id")

    def __init__(
        self,
        broker: Broker,
        type: str | None,
        handler: Handler,
        workflow_id: str | None = None,
        stage_id: str | None = None,
        action_name: str | None = None,
    ) -> None:
        self._broker = broker
        self.type = type
        """None for a default handler."""
        self.handler = handler
        self.workflow_id, self.stage_id, self.action_name = workflow_id, stage_id, action_name
        self.rank = ACTION if action_name else STAGE if stage_id else WORKFLOW if workflow_id else GLOBAL

    def matches(self, context: MessageContext) -> bool:
        """Whether a message from there is for this handler."""
        return (
            (self.workflow_id is None or self.workflow_id == context.workflow_id)
            and (self.stage_id is None or self.stage_id == context.stage_id)
            and (self.action_name is None or self.action_name == context.action_name)
        )

    def unregister(self) -> None:
        """From the next message on the handler is not called; does nothing the second time. From any thread."""
        self._broker._unregister(self)

    def __enter__(self) -> Registration:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()


class Routes:
    """Who gets what, kept up to date by the broker. For reading only.

    None instead of handlers: ask `Broker.arrive` and `Broker.handlers_for`, because it depends on the single message.
    """

    __slots__ = ("by_type", "default")

    def __init__(self) -> None:
        self.by_type: dict[str, tuple[Handler, ...] | None] = {}
        self.default: tuple[Handler, ...] | None = ()


class Broker:
    """Handlers by message type, narrowed or not, defaults for what nobody asked for, and IPC middleware.

    `on_handler_error(message, error)` is called for every Exception out of a handler, in the handler's thread. What it
    raises itself is recorded like the error of a handler. It may be set at any time; None for nobody.
    """

    def __init__(self, channel: Channel | None = None, *, on_handler_error: OnHandlerError | None = None) -> None:
        self._channel = channel
        self._local: LocalChannel | None = None
        self._lock = allocate_lock()
        self._by_type: dict[str, tuple[Registration, ...]] = {}
        self._defaults: tuple[Registration, ...] = ()
        self._routes = Routes()
        self._outbound: tuple[Outbound, ...] = ()
        self._inbound: tuple[Inbound, ...] = ()
        self.on_handler_error = on_handler_error

    @property
    def on_handler_error(self) -> OnHandlerError | None:
        """Called with the message and the Exception that one of its handlers raised."""
        return self._on_handler_error

    @on_handler_error.setter
    def on_handler_error(self, callback: OnHandlerError | None) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"on_handler_error is called with the message and the error; found {callback!r}")
        self._on_handler_error = callback

    # --- handlers ---------------------------------------------------------------------------------------------------

    def register_handler(
        self,
        type: str,
        handler: Handler,
        *,
        workflow_id: str | None = None,
        stage_id: str | None = None,
        action_name: str | None = None,
    ) -> Registration:
        """Call `handler(message)` for every message of this type, or only for those from one workflow, stage or action.

        `message` has `type`, `payload` (as decoded from JSON) and `context`: `workflow_id`, `stage_id`, `action_name`,
        `pid`, `is_child`, `session_id`, `sequence`. Stage and action are the child's word, the rest the parent's
        knowledge. Handlers of one child are never called concurrently, and see its messages in the order sent.

        An Exception out of a handler is recorded on the result and given to `on_handler_error`; the other handlers of
        the message and all later messages are not affected. A handler registered twice is called twice. TypeError for
        arguments that could never match.
        """
        if not isinstance(type, str) or not type:
            raise TypeError(f"a message type is a non-empty str; found {type!r}")
        for name, value in (("workflow_id", workflow_id), ("stage_id", stage_id), ("action_name", action_name)):
            if value is not None and (not isinstance(value, str) or not value):
                raise TypeError(f"{name} is a non-empty str, or None for any; found {value!r}")
        _require_callable(handler)
        made = Registration(self, type, handler, workflow_id, stage_id, action_name)
        with self._lock:
            self._by_type[type] = tuple(sorted((*self._by_type.get(type, ()), made), key=lambda known: known.rank))
            self._route(type)
        return made

    def register_default_handler(self, handler: Handler) -> Registration:
        """Call `handler(message)` for every message that no other handler matches."""
        _require_callable(handler)
        made = Registration(self, None, handler)
        with self._lock:
            self._defaults = (*self._defaults, made)
            self._route_default()
        return made

    def _unregister(self, registration: Registration) -> None:
        type = registration.type
        with self._lock:
            if type is None:
                self._defaults = tuple(known for known in self._defaults if known is not registration)
                self._route_default()
                return
            left = tuple(known for known in self._by_type.get(type, ()) if known is not registration)
            if left:
                self._by_type[type] = left
            else:
                self._by_type.pop(type, None)
            self._route(type)

    def _route(self, type: str) -> None:
        """Bring `routes()` up to date for one type. Types nobody narrowed keep their short way."""
        known = self._by_type.get(type, ())
        if not known:
            self._routes.by_type.pop(type, None)
        elif self._inbound or known[0].rank != GLOBAL:
            self._routes.by_type[type] = None
        else:
            self._routes.by_type[type] = tuple(registration.handler for registration in known)

    def _route_default(self) -> None:
        self._routes.default = None if self._inbound else tuple(registration.handler for registration in self._defaults)

    def routes(self) -> Routes:
        """The handlers of each type where they are the same for all its messages; stays up to date."""
        return self._routes

    def handlers_for(self, message: Message) -> tuple[Handler, ...]:
        """Who is called for this message, in order."""
        known = self._by_type.get(message.type)
        if known:
            context = message.context
            matching = tuple(registration.handler for registration in known if registration.matches(context))
            if matching:
                return matching
        return tuple(registration.handler for registration in self._defaults)

    # --- IPC middleware ---------------------------------------------------------------------------------------------

    def use(self, middleware: OutboundMiddleware | InboundMiddleware) -> None:
        """Let `middleware.outbound(message)` see what is sent from here, `middleware.inbound(message)` what arrives.

        Either may be left out. Both return the message, changed in place or another one, or None to drop it, or raise
        MessageRejectedError. Outbound, the sender gets that error (and any other) out of `ctx.send`. Inbound, the
        message reaches no handler and counts as `rejected` on the result; any other Exception does the same and is
        recorded like a handler's, so that a check that is broken lets nothing through.

        The first added is the nearest to the application: first outbound, last inbound, so that one list serves both
        ends. A child takes its middleware with `child_main(ipc_middleware=[…])`. `workflow_result` and `final_store`
        are the engine's own: outbound middleware does not see them, and inbound it cannot change the result.
        """
        outbound, inbound = getattr(middleware, "outbound", None), getattr(middleware, "inbound", None)
        if not callable(outbound) and not callable(inbound):
            raise TypeError(f"IPC middleware has a method outbound(message) or inbound(message); found {middleware!r}")
        for method in (outbound, inbound):
            require_plain(method, getattr(method, "__qualname__", ""), "methods of IPC middleware")
        with self._lock:
            if callable(outbound):
                self._outbound = (*self._outbound, outbound)
            if callable(inbound):
                self._inbound = (inbound, *self._inbound)
                for type in self._by_type:
                    self._route(type)
                self._route_default()

    def arrive(self, message: Message) -> Message | None:
        """Pass a received message through the inbound middleware; None when it was dropped. Raises what it raises."""
        for inbound in self._inbound:
            arrived = inbound(message)
            if arrived is None:
                return None
            if not isinstance(arrived, type(message)):
                raise TypeError(f"inbound middleware returns a Message or None; found {arrived!r}")
            if arrived is not message:
                arrived.came_like(message)
                message = arrived
        return message

    # --- sending ----------------------------------------------------------------------------------------------------

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """Send to the channel in a child; otherwise call the handlers now, in this thread.

        A message that stays here is encoded and decoded all the same: what handlers see, and what cannot be sent, does
        not depend on whether the workflow was spawned.
        """
        _require_type(type)
        if self._outbound:
            from gostage_sim.gostage.outgoing import leave

            message = leave(self._outbound, type, payload, context)
            if message is None:
                return
            type, payload = message.type, message.payload
        (self._channel or self._here()).send(type, payload, context)

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """As `send` for each, in blocks where the channel can; one by one when outbound middleware looks at each."""
        _require_type(type)
        if self._outbound:
            for payload in payloads:
                self.send(type, payload, context)
        else:
            (self._channel or self._here()).send_many(type, payloads, context)

    def flush(self) -> None:
        """Return when the parent has everything that was sent; where it stays here, its handlers have returned."""
        if self._channel is not None:
            self._channel.flush()

    def close(self) -> None:
        """Let a child's channel send what is left, and end it."""
        if self._channel is not None:
            self._channel.close()

    def send_through(self, channel: Channel) -> None:
        """Send to another channel from now on."""
        self._channel = channel

    def end_session(self, workflow: Workflow) -> None:
        """Let the next message of `workflow` here begin a new session; a run that sends none costs nothing."""
        if self._local is not None:
            self._local.forget(workflow)

    def session_of(self, workflow: Workflow) -> LocalSession | None:
        """The session of the last run of `workflow` in this process, None when it has sent nothing."""
        return None if self._local is None else self._local.find(workflow)

    def _here(self) -> LocalChannel:
        local = self._local
        if local is None:
            from gostage_sim.gostage.local import LocalChannel

            made = LocalChannel(self)
            with self._lock:  # two threads may send their first message at once
                local = self._local = self._local or made
        return local


def _require_type(type: object) -> None:
    """Any other would be encoded all the same, and be a bad line to the parent: a message lost without a word."""
    if not isinstance(type, str) or not type:
        raise MessageError(f"a message type is a non-empty str; found {type!r}")


def _require_callable(handler: object) -> None:
    if not callable(handler):
        raise TypeError(f"a handler is called with the message; found {handler!r}, which cannot be called")
    require_plain(handler, f"the handler {getattr(called_by(handler), '__qualname__', handler)}", "handlers")
