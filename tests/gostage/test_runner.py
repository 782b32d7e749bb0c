"""Workflows run in this process, and what a careless caller of `spawn` is told."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import errors
from gostage_sim.gostage.actions import FunctionAction
from gostage_sim.gostage.spawn import driver, handle, process

from .conftest import gone

FOREIGN = gostage.launchers.Program(["/bin/sh", "-c", 'echo \'{"type":"a"}\''])
DEFINITION = gostage.SubWorkflowDef.of("x")


def workflow(*functions: Any) -> gostage.Workflow:
    made = gostage.Workflow("w")
    stage = gostage.Stage("s")
    stage.set_initial_data("k", 1)
    made.add_stage(stage)
    for number, function in enumerate(functions):
        stage.add_action(FunctionAction(f"a{number}", function))
    return made


def test_arguments_have_names() -> None:
    """What a runner is given is named: the next version may take more."""
    with pytest.raises(TypeError):
        gostage.Runner(gostage.Broker())  # type: ignore[call-arg]


def test_actions_run_in_order_over_one_store() -> None:
    """Actions run one after another, see the stage's initial data and where they stand; messages are handled here."""
    runner = gostage.Runner()
    seen: list[Any] = []
    runner.broker.register_default_handler(lambda m: seen.append((m.type, m.payload, m.context)))

    def first(ctx: gostage.ActionContext) -> None:
        assert (ctx.action_index, ctx.is_last_action, ctx.params) == (0, False, {})
        ctx.store.put("k", ctx.store.get("k", int) + 1)

    def last(ctx: gostage.ActionContext) -> None:
        assert ctx.is_last_action
        ctx.send("k", ctx.store.get("k", int))

    runner.execute(workflow(first, last))
    ((type_, payload, context),) = seen
    assert (type_, payload) == ("k", 2)
    assert (context.workflow_id, context.stage_id, context.action_name) == ("w", "s", "a1")
    assert (context.pid, context.is_child) == (os.getpid(), False)


def test_failing_action_stops_the_workflow() -> None:
    """The error names where it happened and carries what was raised; the actions behind it do not run."""
    ran: list[int] = []
    with pytest.raises(errors.ActionError) as caught:
        gostage.Runner().execute(workflow(lambda ctx: 1 / 0, lambda ctx: ran.append(1)))
    assert str(caught.value) == "action 'a0' of stage 's' in workflow 'w' failed: ZeroDivisionError: division by zero"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert ran == []


def test_empty_workflow() -> None:
    """A workflow without stages is an error."""
    with pytest.raises(errors.WorkflowError) as caught:
        gostage.Runner().execute(gostage.Workflow("w"))
    assert str(caught.value) == "workflow 'w' has no stages; add one with add_stage()"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, None, None), "a child is started from a SubWorkflowDef; found NoneType"),
        ((gostage.Workflow("w"), None, None), "a child is started from a SubWorkflowDef; found Workflow"),
        ((DEFINITION, 5, None), "initial_store is a mapping of keys to values; found int"),
        ((DEFINITION, None, {"timeout_s": 1}), "options is a SpawnOptions; found dict"),
    ],
)
def test_wrong_types(arguments: tuple[Any, Any, Any], text: str) -> None:
    """Arguments of a wrong type are a TypeError before anything is started."""
    definition, store, options = arguments
    with pytest.raises(TypeError) as caught:
        gostage.Runner(launcher=FOREIGN).spawn(definition, initial_store=store, options=options)
    assert str(caught.value) == text


@pytest.mark.parametrize("timeout_s", [float("inf"), 1e300, 30 * 86400, None])
def test_any_timeout(timeout_s: float | None) -> None:
    """Endless, and longer than poll(2) can wait, are timeouts like others."""
    options = gostage.SpawnOptions(timeout_s=timeout_s)
    assert gostage.Runner(launcher=FOREIGN).spawn(DEFINITION, options=options).success


@pytest.mark.parametrize(
    ("code", "status"), [("os._exit(3)", ("exited", 3, None)), ("os.abort()", ("signaled", None, "SIGABRT"))]
)
def test_true_verdict_although_the_kernel_reaps(code: str, status: tuple[Any, ...]) -> None:
    """In a program that ignores SIGCHLD nobody can wait for a child; the pidfd knows its end."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 15):
        pytest.skip("this kernel forgets the exit status of a child that was reaped")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        # It reads its definition first: that is written when the pidfd is there.
        code = f"import os; os.read(0, 1 << 16); {code}"
        launcher = gostage.launchers.Program([sys.executable, "-S", "-c", code])
        result = gostage.Runner(launcher=launcher).spawn(DEFINITION)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (result.outcome, result.exit_code, result.signal) == status


@pytest.mark.usefixtures("over_json")
def test_a_child_that_is_gone_before_it_can_be_watched() -> None:
    """In a program that ignores SIGCHLD a child may be dead and reaped at once; it ran, and what it said is handled."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        runner = gostage.Runner(launcher=gostage.launchers.Program(["/bin/echo", '{"type":"said"}']))
        results = [runner.spawn(DEFINITION) for _ in range(40)]
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert {result.message_counts["said"] for result in results} == {1}
    assert {(result.outcome, result.exit_code) for result in results} <= {("completed", 0), ("exited", None)}


def test_a_child_that_closes_stdin_cannot_raise_sigpipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has SIGPIPE at its default is not killed by a child that does not read its definition."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        launcher = gostage.launchers.Program(
            [sys.executable, "-S", "-c", "import os, time; os.close(0); time.sleep(.2)"]
        )
        result = gostage.Runner(launcher=launcher).spawn(DEFINITION, initial_store={"big": "x" * 5_000_000})
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert result.success
    assert signal.SIGPIPE not in signal.sigpending()


@pytest.mark.usefixtures("over_json")
def test_waiting_in_a_handler_of_the_same_child() -> None:
    """A handler that waits for its own child is told so, and nothing else comes of it."""
    runner = gostage.Runner(launcher=FOREIGN)
    handle = runner.start(DEFINITION)
    runner.broker.register_handler("a", lambda message: handle.wait())
    (record,) = handle.wait().handler_errors
    assert str(record.error) == "wait() was called by a handler of this same child, which would wait for itself"
    assert record.error.__traceback__ is None
    assert record.traceback.startswith("Traceback (most recent call last):\n")


def test_several_threads_may_wait() -> None:
    """Of several threads that wait for one child, each gets the same result."""
    handle = gostage.Runner(launcher=FOREIGN).start(DEFINITION)
    results: list[gostage.SpawnResult] = []
    threads = [threading.Thread(target=lambda: results.append(handle.wait())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 4
    assert all(result is results[0] for result in results)
    handle.cancel()
    handle.kill()
    assert handle.wait().outcome == "completed"


def test_a_forgotten_child_is_ended() -> None:
    """A handle that is dropped without a wait ends its child at once, returns every descriptor and warns."""
    gc.disable()
    try:
        with pytest.warns(ResourceWarning, match=r"^child \d+ was never waited for and is ended$"):
            gostage.Runner(launcher=gostage.launchers.Program(["sleep", "1000"])).start(DEFINITION)
    finally:
        gc.enable()


UNFINISHED = """
import contextlib, os, signal, subprocess
from gostage_sim import gostage
@gostage.action("act")
def act(ctx):
    daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    ctx.send("pids", [os.getpid(), daemon.pid])
    signal.pause()
if gostage.is_child(): gostage.child_main()
options = gostage.SpawnOptions(end_daemons=True)
runner = gostage.Runner(launcher={launcher})
pids = []
runner.broker.register_handler("pids", lambda message: pids.extend(message.payload))
handle = runner.start(gostage.SubWorkflowDef.of("act"), options=options)
while not pids:
    with contextlib.suppress(TimeoutError): handle.wait(timeout_s=0.1)
print(*pids)
"""


@pytest.mark.parametrize("launcher", ["None", "gostage.launchers.ForkServer()"])
def test_a_program_that_ends_before_its_children(tmp_path: Path, launcher: str) -> None:
    """Its end is theirs, and that of their daemons where the options say so; nothing is said of it."""
    script = tmp_path / "program.py"
    script.write_text(UNFINISHED.replace("{launcher}", launcher))
    command = [sys.executable, "-X", "dev", "-W", "error", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [gone(int(pid)) for pid in done.stdout.split()] == [True, True]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_interrupt_anywhere_leaves_nothing() -> None:
    """KeyboardInterrupt at any line from the first poll to the result passes on once; no child and no fd is left."""
    if sys.gettrace() is not None:
        pytest.skip("needs the trace function that coverage is using")
    files = (driver.__file__, handle.__file__, process.__file__)
    inside = (
        "run",
        "step",
        "_obey",
        "finish",
        "_finish",
        "_drain_stdout",
        "_stdout_ended",
        "_deliver",
        "reap",
        "_see_exit",
        "_read_stdout",
    )
    count, target = 0, 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        if frame.f_code.co_name not in inside or frame.f_code.co_filename not in files:
            return None  # its lines are not asked for
        if event == "line":
            count += 1
            if count == target:
                raise KeyboardInterrupt
        return trace

    while target <= count:  # until a whole run has fewer lines than that
        target, count, passed_on, began = target + 1, 0, False, time.monotonic()
        sys.settrace(trace)
        try:
            gostage.Runner(launcher=FOREIGN).spawn(DEFINITION)
        except KeyboardInterrupt:
            passed_on = True
        finally:
            sys.settrace(None)
        assert passed_on == (count >= target)
        assert time.monotonic() - began < 5  # a child that is gone is waited for by nobody
    assert target > 60
    gc.collect()
