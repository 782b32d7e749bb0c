"""IPC middleware: messages changed, dropped and rejected, on their way out and on their way in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.errors import MessageRejectedError

from .conftest import HEAD
from .senders import Inbound, Outbound, context, session_of


class Kind:
    """Changes numbers, drops None, rejects text; the same rules on both ways."""

    @staticmethod
    def rule(message: Any) -> Any:
        if message.payload is None:
            return None
        if isinstance(message.payload, str):
            raise MessageRejectedError(f"no text: {message.payload!r}")
        message.payload += 1
        return message


def collecting(broker: gostage.Broker) -> list[Any]:
    """What the handlers of `n` get from now on."""
    seen: list[Any] = []
    broker.register_handler("n", lambda message: seen.append(message.payload))
    return seen


def test_outbound_changes_drops_and_rejects() -> None:
    """A changed message is sent as changed, a dropped one is not sent, a rejected one is an error to the sender."""
    broker = gostage.Broker()
    seen = collecting(broker)
    broker.use(Outbound(Kind.rule))
    broker.send("n", 1)
    broker.send("n", None)
    with pytest.raises(MessageRejectedError) as caught:
        broker.send("n", "x")
    assert str(caught.value) == "no text: 'x'"
    broker.send_many("n", [5, None, 6])
    assert seen == [2, 6, 7]


def test_inbound_changes_drops_and_rejects() -> None:
    """A changed message is handled as changed, a dropped one is not handled, a rejected one is counted."""
    broker = gostage.Broker()
    seen = collecting(broker)
    broker.use(Inbound(Kind.rule))
    workflow = gostage.Workflow("w")
    broker.send_many("n", [1, None, "x", 2], context(workflow, "s", "a"))
    session = session_of(broker, workflow)
    assert seen == [2, 3]
    assert (session.rejected, session.handler_errors) == (1, [])


def test_both_in_one_object_are_nested() -> None:
    """The first added is nearest to the application: one list of middleware serves both ends."""
    broker = gostage.Broker()
    order: list[str] = []

    class Note:
        def __init__(self, name: str) -> None:
            self.name = name

        def outbound(self, message: gostage.OutgoingMessage) -> gostage.OutgoingMessage:
            order.append(f"{self.name} out")
            return message

        def inbound(self, message: gostage.Message) -> gostage.Message:
            order.append(f"{self.name} in")
            return message

    broker.use(Note("first"))
    broker.use(Note("second"))
    broker.send("n", 1)
    assert order == ["first out", "second out", "second in", "first in"]


def test_a_dropped_message_goes_no_further() -> None:
    """Middleware behind the one that dropped a message does not see it."""

    def never(message: Any) -> Any:
        raise AssertionError("was called")

    outbound, inbound = gostage.Broker(), gostage.Broker()
    outbound.use(Outbound(lambda message: None))
    outbound.use(Outbound(never))
    inbound.use(Inbound(never))
    inbound.use(Inbound(lambda message: None))
    for broker in (outbound, inbound):
        seen = collecting(broker)
        broker.send("n", 1)
        assert seen == []


def test_a_changed_type_finds_its_handlers() -> None:
    """Both ways may give a message another type; another message put in its place comes from the same sender."""
    broker = gostage.Broker()
    seen: list[Any] = []
    broker.register_handler("three", lambda message: seen.append((message.payload, message.context)), stage_id="s")
    broker.use(Outbound(lambda message: gostage.OutgoingMessage("two", message.payload)))
    broker.use(Inbound(lambda message: gostage.Message("three", [message.type, message.payload])))
    broker.send("one", 1, context("w", "s", "a"))
    ((payload, place),) = seen
    assert payload == ["two", 1]
    assert (place.workflow_id, place.stage_id, place.action_name, place.sequence) == ("w", "s", "a", 1)


def test_broken_inbound_middleware_lets_nothing_through() -> None:
    """An Exception that is no rejection is recorded like a handler's, told, and the message counts as rejected."""
    told: list[str] = []
    broker = gostage.Broker(on_handler_error=lambda message, error: told.append(str(error)))
    seen = collecting(broker)
    broker.use(Inbound(lambda message: int("one") if message.payload == 1 else message))
    broker.use(Inbound(lambda message: 5 if message.payload == 2 else message))
    workflow = gostage.Workflow("w")
    broker.send_many("n", [1, 2, 3], context(workflow, "s", "a"))
    session = session_of(broker, workflow)
    assert seen == [3]
    assert session.rejected == 2
    assert told == [
        "invalid literal for int() with base 10: 'one'",
        "inbound middleware returns a Message or None; found 5",
    ]
    assert [type(error.error) for error in session.handler_errors] == [ValueError, TypeError]


def test_outbound_returns_a_message() -> None:
    """Anything else than the message or None is the middleware's mistake, told to the sender."""
    broker = gostage.Broker()
    broker.use(Outbound(lambda message: 5))
    with pytest.raises(TypeError) as caught:
        broker.send("n", 1)
    assert str(caught.value) == "outbound middleware returns the OutgoingMessage or None; found 5"
    assert repr(gostage.OutgoingMessage("n", 1)) == "OutgoingMessage('n', 1)"


def test_what_is_no_middleware_is_refused() -> None:
    """An object with neither method is refused when it is added."""
    with pytest.raises(TypeError) as caught:
        gostage.Broker().use(5)  # type: ignore[arg-type]
    assert str(caught.value) == "IPC middleware has a method outbound(message) or inbound(message); found 5"


CHILD = f"""{HEAD}
from gostage_sim.gostage.errors import MessageRejectedError

class Rule:
    def outbound(self, message):
        if message.payload is None:
            return None
        if message.payload == 'secret':
            raise MessageRejectedError('not this: ' + message.context.action.name)
        message.payload = [message.payload]
        return message

@gostage.action('act')
def act(ctx):
    ctx.send_many('n', [1, None, 2, 'bad', 3])
    try:
        ctx.send('n', 'secret')
    except MessageRejectedError as error:
        ctx.send('n', str(error))

gostage.child_main(ipc_middleware=[Rule()])
"""


def test_in_a_child_and_its_parent(tmp_path: Path) -> None:
    """Outbound middleware works in the child, inbound in the parent, whose result counts what was rejected."""
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    launcher = gostage.launchers.Program([sys.executable, str(script), "--gostage-child"], foreign=False)
    runner = gostage.Runner(launcher=launcher)
    seen = collecting(runner.broker)

    def unwrap(message: gostage.Message) -> gostage.Message:
        if message.payload == ["bad"]:
            raise MessageRejectedError("bad")
        if message.type == "n":
            (message.payload,) = message.payload
        return message

    runner.broker.use(Inbound(unwrap))
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    assert seen == [1, 2, 3, "not this: act"]
    assert result.rejected == 1
    assert result.message_counts["n"] == 5


def test_the_engines_own_messages_cannot_be_forged(tmp_path: Path) -> None:
    """Inbound middleware that drops everything hides messages from handlers, and leaves the result as it is."""
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    launcher = gostage.launchers.Program([sys.executable, str(script), "--gostage-child"], foreign=False)
    runner = gostage.Runner(launcher=launcher)
    seen: list[Any] = []
    runner.broker.register_default_handler(seen.append)
    runner.broker.use(Inbound(lambda message: None))
    assert runner.spawn(gostage.SubWorkflowDef.of("act")).success
    assert seen == []
