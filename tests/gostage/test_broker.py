"""The broker: who gets which message."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from gostage_sim import gostage

from .senders import Inbound, context, session_of


def test_by_type_then_default() -> None:
    """Every handler of a type is called in the order registered; the default only for types nobody asked for."""
    broker = gostage.Broker()
    seen: list[Any] = []
    broker.register_handler("a", lambda m: seen.append(("first", m.payload)))
    broker.register_handler("a", lambda m: seen.append(("second", m.payload)))
    broker.register_default_handler(lambda m: seen.append((m.type, m.payload)))
    broker.send("a", 1)
    broker.send_many("b", [2, 3])
    assert seen == [("first", 1), ("second", 1), ("b", 2), ("b", 3)]


def test_a_handler_may_register_handlers() -> None:
    """A handler that registers another one for its own type does not disturb the message it is handling."""
    broker = gostage.Broker()
    seen: list[str] = []

    def grow(message: gostage.Message) -> None:
        seen.append("old")
        broker.register_handler("a", lambda m: seen.append("new"))

    broker.register_handler("a", grow)
    broker.send("a", None)
    assert seen == ["old"]
    broker.send("a", None)
    assert seen == ["old", "old", "new"]


@pytest.mark.parametrize("type_", [None, "", 5])
def test_a_type_is_text(type_: Any) -> None:
    """A type that no message can have is refused."""
    with pytest.raises(TypeError) as caught:
        gostage.Broker().register_handler(type_, print)
    assert str(caught.value) == f"a message type is a non-empty str; found {type_!r}"


def test_a_handler_can_be_called() -> None:
    """What cannot be called is refused at once, not at the first message."""
    broker = gostage.Broker()
    text = "a handler is called with the message; found None, which cannot be called"
    with pytest.raises(TypeError) as by_type:
        broker.register_handler("a", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError) as default:
        broker.register_default_handler(None)  # type: ignore[arg-type]
    assert (str(by_type.value), str(default.value)) == (text, text)


def test_order_of_call() -> None:
    """Action-specific first, then stage, workflow, global; the order of registration decides within a rank only."""
    broker = gostage.Broker()
    seen: list[str] = []
    for name, narrowed in (
        ("global", {}),
        ("workflow", {"workflow_id": "w"}),
        ("stage", {"stage_id": "s"}),
        ("stage of workflow", {"workflow_id": "w", "stage_id": "s"}),
        ("action", {"action_name": "a"}),
        ("action of all", {"workflow_id": "w", "stage_id": "s", "action_name": "a"}),
        ("global again", {}),
    ):
        broker.register_handler("t", partial(lambda name, message: seen.append(name), name), **narrowed)
    broker.register_default_handler(lambda message: seen.append("default"))
    broker.send("t", None, context("w", "s", "a"))
    assert seen == ["action", "action of all", "stage", "stage of workflow", "workflow", "global", "global again"]


@pytest.mark.parametrize(
    "narrowed", [{"workflow_id": "x"}, {"stage_id": "x"}, {"action_name": "x"}, {"workflow_id": "w", "stage_id": "x"}]
)
def test_a_narrowed_handler_sees_nothing_else(narrowed: dict[str, str]) -> None:
    """All that a handler is narrowed by must match; where nothing matches, the default handlers are called."""
    broker = gostage.Broker()
    seen: list[str] = []
    broker.register_handler("t", lambda message: seen.append("narrowed"), **narrowed)
    broker.register_default_handler(lambda message: seen.append("default"))
    broker.send("t", None, context("w", "s", "a"))
    broker.send("t", None)
    assert seen == ["default", "default"]


def test_narrowing_needs_a_name() -> None:
    """A name that nothing can have is refused."""
    for name in ("workflow_id", "stage_id", "action_name"):
        with pytest.raises(TypeError) as caught:
            gostage.Broker().register_handler("t", print, **{name: ""})
        assert str(caught.value) == f"{name} is a non-empty str, or None for any; found ''"


@pytest.mark.parametrize("narrowed", [{}, {"workflow_id": "w"}])
def test_unregister(narrowed: dict[str, str]) -> None:
    """A handler whose registration ended is not called from the next message on; ending it twice is no error."""
    broker = gostage.Broker()
    seen: list[str] = []
    first = broker.register_handler("t", lambda message: seen.append("first"), **narrowed)
    with broker.register_handler("t", lambda message: seen.append("second"), **narrowed):
        broker.send("t", None, context("w", "s", "a"))
    first.unregister()
    first.unregister()
    default = broker.register_default_handler(lambda message: seen.append("default"))
    broker.send("t", None, context("w", "s", "a"))
    default.unregister()
    broker.send("t", None, context("w", "s", "a"))
    assert seen == ["first", "second", "default"]


def test_types_nobody_narrowed_keep_the_short_way() -> None:
    """Only types with narrowed handlers are asked for their context; with inbound middleware all are."""
    broker = gostage.Broker()
    broker.register_handler("plain", print)
    narrowed = broker.register_handler("narrowed", print, stage_id="s")
    routes = broker.routes()
    assert (routes.by_type, routes.default) == ({"plain": (print,), "narrowed": None}, ())
    narrowed.unregister()
    assert routes.by_type == {"plain": (print,)}
    broker.use(Inbound(lambda message: message))
    assert (routes.by_type, routes.default) == ({"plain": None}, None)


def test_a_raising_handler_stops_nobody() -> None:
    """The error is given to `on_handler_error` with its traceback and recorded; the other handlers are called."""
    told: list[tuple[str, str, bool]] = []
    broker = gostage.Broker(on_handler_error=lambda m, e: told.append((m.type, repr(e), e.__traceback__ is not None)))
    seen: list[Any] = []
    broker.register_handler("t", lambda message: 1 // message.payload)
    broker.register_handler("t", lambda message: seen.append(message.payload))
    workflow = gostage.Workflow("w")
    broker.send_many("t", [0, 1], context(workflow, "s", "a"))
    session = session_of(broker, workflow)
    assert seen == [0, 1]
    assert told == [("t", "ZeroDivisionError('integer division or modulo by zero')", True)]
    (error,) = session.handler_errors
    assert (error.message_type, error.sequence, type(error.error)) == ("t", 1, ZeroDivisionError)


def test_on_handler_error_may_raise() -> None:
    """What `on_handler_error` raises is recorded behind the error it was told of, and stops nothing."""

    def hopeless(message: gostage.Message, error: Exception) -> None:
        raise LookupError("in the callback")

    broker = gostage.Broker()
    broker.on_handler_error = hopeless
    seen: list[Any] = []
    broker.register_handler("t", lambda message: 1 // 0)
    broker.register_handler("t", lambda message: seen.append(message.payload))
    workflow = gostage.Workflow("w")
    broker.send("t", 5, context(workflow, "s", "a"))
    session = session_of(broker, workflow)
    assert seen == [5]
    assert [type(error.error) for error in session.handler_errors] == [ZeroDivisionError, LookupError]
    with pytest.raises(TypeError) as caught:
        broker.on_handler_error = 5  # type: ignore[assignment]
    assert str(caught.value) == "on_handler_error is called with the message and the error; found 5"


def test_handler_errors_are_bounded() -> None:
    """The first hundred are kept."""
    broker = gostage.Broker()
    broker.register_handler("t", lambda message: 1 // 0)
    workflow = gostage.Workflow("w")
    broker.send_many("t", range(150), context(workflow, "s", "a"))
    session = session_of(broker, workflow)
    assert [error.sequence for error in session.handler_errors] == list(range(1, 101))


def test_an_interrupt_passes_through() -> None:
    """KeyboardInterrupt out of a handler reaches the sender."""
    broker = gostage.Broker()

    def interrupt(message: gostage.Message) -> None:
        raise KeyboardInterrupt

    broker.register_handler("t", interrupt)
    with pytest.raises(KeyboardInterrupt):
        broker.send("t", None)


class _Late:
    async def handle(self, message: object) -> None: ...

    async def outbound(self, message: object) -> None: ...

    async def __call__(self, message: object) -> None: ...


async def _late(number: int, message: object) -> None: ...


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (_Late().handle, "_Late.handle"),
        (_Late(), "_Late.__call__"),
        (partial(_late, 1), "_late"),
        (partial(partial(_late), 1), "_late"),
        (partial(_Late()), "_Late.__call__"),
    ],
)
def test_async_handlers_are_refused(handler: Any, name: str) -> None:
    """What would never run is refused when it is registered, also behind a partial or as an object."""
    broker = gostage.Broker()
    for register in (partial(broker.register_handler, "x"), broker.register_default_handler):
        with pytest.raises(TypeError) as caught:
            register(handler)
        assert str(caught.value) == (
            f"the handler {name} is `async`: handlers are plain functions; call asyncio.run(…) in one"
        )


def test_async_ipc_middleware_is_refused() -> None:
    """IPC middleware whose method would never run is refused when it is added."""
    late: Any = _Late()
    with pytest.raises(TypeError) as caught:
        gostage.Broker().use(late)
    assert str(caught.value) == (
        "_Late.outbound is `async`: methods of IPC middleware are plain functions; call asyncio.run(…) in one"
    )


@pytest.mark.parametrize(
    "handler",
    [list, print, partial(print), partial(list), Mock()],
    ids=["class", "function", "partial", "partial of a class", "mock"],
)
def test_whatever_can_be_called_is_a_handler(handler: Any) -> None:
    """A class, a builtin, a partial of one and a mock are plain enough."""
    broker = gostage.Broker()
    broker.register_handler("x", handler)
    assert broker.routes().by_type["x"] == (handler,)
