"""Messages of a child to the handlers of its parent."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from gostage_sim import gostage

from ..conftest import Program

TWO_STAGES = """
@gostage.action('first')
def first(ctx):
    ctx.send_many('n', [1, 2])

@gostage.action('second')
def second(ctx):
    ctx.send('n', 3)
    ctx.send('odd', 4)
"""
DEFINITION = gostage.SubWorkflowDef(
    id="w",
    stages=[
        gostage.StageDef(id="s1", actions=[gostage.ActionDef(id="first")]),
        gostage.StageDef(id="s2", actions=[gostage.ActionDef(id="second")]),
    ],
)


def test_the_messages_of_the_original() -> None:
    """Every type that a child of the original writes, with keys of its own beside, reaches its handler as it is."""
    sent: list[dict[str, Any]] = [
        {"type": "workflow_start", "payload": {"workflow_id": "w", "workflow_definition": {"id": "w"}}, "time": 1},
        {"type": "log", "payload": {"level": "INFO", "message": "hello"}},
        {"type": "store_put", "payload": {"key": "k", "value": [1, None]}},
        {"type": "store_delete", "payload": {"key": "k"}},
        {"type": "mine", "payload": None},
        {"type": "final_store", "payload": {"a": 1}},
        {"type": "workflow_result", "payload": {"workflow_id": "w", "success": True, "error_message": ""}},
    ]
    code = "import sys; sys.stdin.read(); sys.stdout.write(sys.argv[1])"
    command = [sys.executable, "-S", "-c", code, "".join(f"{json.dumps(line)}\n" for line in sent)]
    runner = gostage.Runner(launcher=gostage.launchers.Program(command), transport="json")
    seen: list[dict[str, Any]] = []
    for line in sent:
        type = line["type"]
        runner.broker.register_handler(
            type, lambda message: seen.append({"type": message.type, "payload": message.payload})
        )
    result = runner.spawn(DEFINITION)
    assert (result.outcome, result.malformed.count, result.final_store) == ("completed", 0, {"a": 1})
    assert seen == [{"type": line["type"], "payload": line["payload"]} for line in sent]


def test_handlers_narrowed_to_a_part_of_a_child(program: Program) -> None:
    """Handlers of a spawned workflow can be narrowed by its id, stage and action; defaults get what is left."""
    runner = program(TWO_STAGES)
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        return lambda message: seen.append((name, message.payload))

    runner.broker.register_handler("n", note("workflow"), workflow_id="w")
    runner.broker.register_handler("n", note("other"), workflow_id="x")
    runner.broker.register_handler("n", note("stage"), stage_id="s1")
    runner.broker.register_handler("n", note("action"), stage_id="s2", action_name="second")
    runner.broker.register_handler("odd", note("nobody"), stage_id="s1")
    runner.broker.register_default_handler(lambda m: seen.append((m.type, m.payload)) if m.type == "odd" else None)
    runner.spawn(DEFINITION, check=True)
    assert seen == [
        ("stage", 1),
        ("workflow", 1),
        ("stage", 2),
        ("workflow", 2),
        ("action", 3),
        ("workflow", 3),
        ("odd", 4),
    ]


@pytest.mark.parametrize("narrowed", [{}, {"workflow_id": "w"}])
def test_a_handler_may_unregister_itself(program: Program, narrowed: dict[str, str]) -> None:
    """It takes effect with the next message, also for messages that arrived together."""
    runner = program(TWO_STAGES)
    seen: list[Any] = []

    def once(message: gostage.Message) -> None:
        seen.append(message.payload)
        registration.unregister()

    registration = runner.broker.register_handler("n", once, **narrowed)
    runner.spawn(DEFINITION, check=True)
    assert seen == [1]


@pytest.mark.parametrize("narrowed", [{}, {"workflow_id": "w"}])
def test_errors_of_handlers_are_told(program: Program, narrowed: dict[str, str]) -> None:
    """`on_handler_error` gets the message and the error, and what it raises itself is on the result as well."""
    runner = program(TWO_STAGES)
    told: list[tuple[Any, str]] = []

    def handler(message: gostage.Message) -> None:
        raise ValueError(message.payload)

    def on_error(message: gostage.Message, error: Exception) -> None:
        told.append((message.payload, repr(error)))
        if message.payload == 2:
            raise LookupError("in the callback")

    runner.broker.register_handler("n", handler, **narrowed)
    runner.broker.on_handler_error = on_error
    result = runner.spawn(DEFINITION, check=True)
    assert told == [(1, "ValueError(1)"), (2, "ValueError(2)"), (3, "ValueError(3)")]
    assert [(e.sequence, repr(e.error)) for e in result.handler_errors] == [
        (1, "ValueError(1)"),
        (2, "ValueError(2)"),
        (2, "LookupError('in the callback')"),
        (3, "ValueError(3)"),
    ]
