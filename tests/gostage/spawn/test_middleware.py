"""Spawn middleware: before a child starts, with each of its messages, and when it is over."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.errors import SpawnVetoedError

from .shell import HOLDS, NAMED, UP, named, shell

(CHILD,) = named("child")


class Note:
    """Writes down every call; `fails[hook]` is raised there."""

    def __init__(self, name: str, log: list[Any], **fails: BaseException) -> None:
        self.name, self.log, self.fails = name, log, fails

    def before_spawn(self, ctx: gostage.SpawnContext) -> None:
        self._note("before", ctx.pid)

    def on_child_message(self, ctx: gostage.SpawnContext, message: gostage.Message) -> None:
        self._note("message", message.type)

    def after_spawn(self, ctx: gostage.SpawnContext) -> None:
        self._note("after", ctx.result and str(ctx.result.outcome), *([repr(ctx.error)] if ctx.error else []))

    def _note(self, hook: str, *what: Any) -> None:
        self.log.append((self.name, hook, *what))
        if hook in self.fails:
            raise self.fails[hook]


def noted(code: str, **fails: BaseException) -> tuple[gostage.Runner, list[Any]]:
    """A runner with two of them, the inner of which fails so, and what they write down."""
    log: list[Any] = []
    runner = shell(code, spawn_middleware=[Note("outer", log)])
    runner.use_for_spawns(Note("inner", log, **fails))
    return runner, log


def test_order() -> None:
    """What was added first is outermost: first before the start and at each message, last at the end."""
    runner, log = noted(UP)
    runner.broker.register_handler("up", lambda message: log.append(("handler", message.type)))
    runner.spawn(CHILD, check=True)
    assert log == [
        ("outer", "before", None),
        ("inner", "before", None),
        ("outer", "message", "up"),
        ("inner", "message", "up"),
        ("handler", "up"),
        ("inner", "after", "completed"),
        ("outer", "after", "completed"),
    ]


def test_a_changed_definition_and_changed_options() -> None:
    """The child gets what middleware made of the definition and the options; the caller's are as they were."""

    class Change:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            ctx.definition.initial_store["seen"] = dict(ctx.definition.initial_store)
            ctx.definition.id += "-2"
            ctx.options = gostage.SpawnOptions(environment={"MINE": "1"})

    code = (
        "import os, sys\n"
        'line = b\'{"type":"got","payload":[%s,%s]}\\n\'\n'
        "os.write(1, line % (os.environb[b'MINE'], sys.stdin.buffer.read()))"
    )
    launcher = gostage.launchers.Program([sys.executable, "-S", "-c", code])
    runner = gostage.Runner(launcher=launcher, spawn_middleware=[Change()], transport="json")
    got: list[Any] = []
    runner.broker.register_handler("got", lambda message: got.append((message.context.workflow_id, message.payload)))
    definition = gostage.SubWorkflowDef(id="child", initial_store={"a": [1]})
    result = runner.spawn(definition, initial_store={"b": 2}, check=True)
    assert result.workflow_id == "child-2"
    assert got == [("child-2", [1, {"id": "child-2", "initialStore": {"a": [1], "b": 2, "seen": {"a": [1], "b": 2}}}])]
    assert definition == gostage.SubWorkflowDef(id="child", initial_store={"a": [1]})


@pytest.mark.parametrize("error", [SpawnVetoedError("not today"), LookupError("broken")], ids=["veto", "broken"])
def test_veto(error: Exception) -> None:
    """What `before_spawn` raises passes out of `start`; no child was started, and those who let it pass are told."""
    runner, log = noted(UP, before=error)
    with pytest.raises(type(error)) as caught:
        runner.start(CHILD)
    assert caught.value is error
    assert log == [("outer", "before", None), ("inner", "before", None), ("outer", "after", None, repr(error))]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("definition", "before_spawn leaves a SubWorkflowDef in ctx.definition; found 5"),
        ("options", "before_spawn leaves a SpawnOptions in ctx.options; found 5"),
    ],
)
def test_what_middleware_leaves_behind(field: str, text: str) -> None:
    """A definition or options of another type are the middleware's mistake, and no child is started."""

    class Wrong:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            setattr(ctx, field, 5)

    with pytest.raises(TypeError) as caught:
        shell(UP, spawn_middleware=[Wrong()]).spawn(CHILD)
    assert str(caught.value) == text


def test_after_a_start_that_failed() -> None:
    """`after_spawn` has the result of a child that could not be started, when `start` returns."""
    log: list[Any] = []
    launcher = gostage.launchers.Program(["/does/not/exist"])
    handle = gostage.Runner(launcher=launcher, spawn_middleware=[Note("n", log)]).start(CHILD)
    assert log == [("n", "before", None), ("n", "after", "start_failed")]
    assert handle.wait().outcome == "start_failed"
    assert len(log) == 2


def test_after_a_definition_that_cannot_be_written() -> None:
    """Middleware that makes a definition unfit for JSON gets the same error as a caller who does."""
    log: list[Any] = []

    class Spoil:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            ctx.definition.initial_store["bad"] = object()

    with pytest.raises(gostage.errors.DefinitionError):
        shell(UP, spawn_middleware=[Note("n", log), Spoil()]).spawn(CHILD)
    assert [entry[:3] for entry in log] == [("n", "before", None), ("n", "after", None)]


def test_after_an_interrupt() -> None:
    """When KeyboardInterrupt ends the spawn, `after_spawn` has both: how the child ended, and what the caller gets."""
    runner, log = noted(HOLDS)

    def handler(message: gostage.Message) -> None:
        raise KeyboardInterrupt

    runner.broker.register_handler("up", handler)
    with pytest.raises(KeyboardInterrupt):
        runner.spawn(CHILD)
    assert log[-2:] == [
        ("inner", "after", "cancelled", "KeyboardInterrupt()"),
        ("outer", "after", "cancelled", "KeyboardInterrupt()"),
    ]


def test_errors_about_a_message() -> None:
    """They are recorded and told like a handler's, and the message goes on to the others and to the handlers."""
    runner, log = noted(UP, message=LookupError("no"))
    runner.use_for_spawns(Note("third", log))
    runner.broker.register_handler("up", lambda message: log.append("handler"))
    told: list[Any] = []
    runner.broker.on_handler_error = lambda message, error: told.append((message.type, repr(error)))
    result = runner.spawn(CHILD)
    assert log[3:7] == [("outer", "message", "up"), ("inner", "message", "up"), ("third", "message", "up"), "handler"]
    assert [(e.message_type, e.sequence, repr(e.error)) for e in result.handler_errors] == [
        ("up", 1, "LookupError('no')")
    ]
    assert told == [("up", "LookupError('no')")]


def test_errors_at_the_end() -> None:
    """They are recorded on the result, with their traceback as text, and the others are called all the same."""
    runner, log = noted(UP, after=LookupError("no"))
    result = runner.spawn(CHILD)
    (error,) = result.handler_errors
    assert (error.message_type, error.sequence, repr(error.error)) == ("after_spawn", 0, "LookupError('no')")
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    assert [entry[:2] for entry in log[-2:]] == [("inner", "after"), ("outer", "after")]


def test_errors_after_a_veto() -> None:
    """Where there is no result to record them on they are noted on what the caller gets."""
    runner, log = noted(UP, after=LookupError("no"))
    runner.use_for_spawns(Note("veto", log, before=SpawnVetoedError("not today")))
    with pytest.raises(SpawnVetoedError) as caught:
        runner.spawn(CHILD)
    (note,) = caught.value.__notes__
    assert note.startswith("after_spawn of Note raised:\nTraceback (most recent call last):\n")
    assert note.rstrip().endswith("LookupError: no")
    assert [entry[:2] for entry in log[-2:]] == [("inner", "after"), ("outer", "after")]


def test_an_interrupt_at_the_end() -> None:
    """SystemExit out of `after_spawn` passes on behind the last of them; the result is there, and nothing is left."""
    runner, log = noted(UP, after=SystemExit(4))
    handle = runner.start(CHILD)
    with pytest.raises(SystemExit):
        handle.wait()
    assert [entry[:2] for entry in log[-2:]] == [("inner", "after"), ("outer", "after")]
    assert handle.wait().outcome == "completed"
    assert len(log) == 6


def test_what_is_no_middleware_is_refused() -> None:
    """An object with none of the three methods is refused when it is added."""
    with pytest.raises(TypeError) as caught:
        gostage.Runner(spawn_middleware=[5])  # type: ignore[list-item]
    assert str(caught.value) == (
        "spawn middleware has a method before_spawn(ctx), on_child_message(ctx, message) or after_spawn(ctx); found 5"
    )


def test_each_spawn_has_its_own_context() -> None:
    """Of children that run at once, also under one id, each has one context from its beginning to its end."""
    runner = shell(f"{NAMED} {UP} {UP}")
    lock = threading.Lock()
    contexts: list[gostage.SpawnContext] = []
    wrong: list[Any] = []

    class Keep:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            ctx.values["thread"] = threading.get_ident()
            with lock:
                contexts.append(ctx)

        def on_child_message(self, ctx: gostage.SpawnContext, message: gostage.Message) -> None:
            ctx.values.setdefault("from", []).append((message.context.pid, message.context.sequence))
            if ctx.values["thread"] != threading.get_ident():
                wrong.append(message)

        def after_spawn(self, ctx: gostage.SpawnContext) -> None:
            ctx.values["ended"] = ctx.values.get("ended", 0) + 1

    runner.use_for_spawns(Keep())
    results = list(runner.spawn_all(named(*["same"] * 20), max_parallel=6))
    assert wrong == []
    assert len({id(ctx) for ctx in contexts}) == 20
    assert sorted(ctx.pid or 0 for ctx in contexts) == sorted(result.pid or 0 for result in results)
    for ctx in contexts:
        assert ctx.result in results
        assert ctx.result is not None
        assert ctx.result.pid == ctx.pid
        assert (ctx.values["from"], ctx.values["ended"]) == ([(ctx.pid, 1), (ctx.pid, 2)], 1)
