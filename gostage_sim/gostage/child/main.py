"""The life of a child: guard the channel, read the definition, rebuild the workflow, run it, report, leave."""

from __future__ import annotations

import os
import sys
import time

from gostage_sim.gostage import _at_the_very_end
from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.child import IMPORTS_VARIABLE
from gostage_sim.gostage.child.channel import FORKED, JsonChannel, guard_stdout
from gostage_sim.gostage.child.connection import acknowledged, open_connection
from gostage_sim.gostage.errors import (
    ActionError,
    ChannelClosedError,
    DefinitionError,
    ExportError,
    GostageError,
    safe_str,
)
from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.status import FAILED
from gostage_sim.gostage.wire.encode import decode_document
from gostage_sim.gostage.workflow import Workflow

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from gostage_sim.gostage.broker import Channel, OutboundMiddleware
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel
    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware
    from gostage_sim.gostage.store import Store

EXIT_FAILED = 1
"""The workflow failed, and the result said so."""
EXIT_PANICKED = 70
"""An exception nobody handled; EX_SOFTWARE of sysexits.h."""


def child_main(
    *,
    wrap_channel: Callable[[JsonChannel], Channel] | None = None,
    before_definition: Callable[[Channel], None] | None = None,
    before_exit: Callable[[Channel], None] | None = None,
    middleware: Iterable[Middleware[RunContext]] = (),
    ipc_middleware: Iterable[OutboundMiddleware] = (),
) -> NoReturn:
    """Be a child: run the workflow whose definition is on stdin, send its messages and its result, and exit.

    Exit codes: 0 success, 1 the workflow failed, 70 an exception that nobody handled. `SystemExit` out of an action
    ends the child with its own code, and the result says that it did. `middleware` goes around the whole workflow, as a
    runner's. `ipc_middleware` sees every message that an action sends, the first nearest to the action; see
    `Broker.use`. `wrap_channel` (called for each channel that is opened: stdout, then gRPC where the definition says
    so), `before_definition` (nothing is read yet) and `before_exit` (the result is sent) are seams for those who test
    parents.
    """
    fd = guard_stdout()
    stdout = JsonChannel(fd)
    os.register_at_fork(after_in_child=stdout.abandon)
    wrap = wrap_channel or (lambda channel: channel)
    channel = wrap(stdout)
    if before_definition is not None:
        before_definition(channel)
    runner = Runner(broker=Broker(channel), middleware=middleware)
    for one in ipc_middleware:
        runner.broker.use(one)
    _at_the_very_end.append(runner.broker.close)  # what runs on the way out may still have something to say
    code = _run(channel, wrap, runner)
    if before_exit is not None:
        before_exit(channel)
    sys.exit(code)


def _run(channel: Channel, wrap: Callable[[JsonChannel], Channel], runner: Runner) -> int | str | None:
    """Everything up to the result; what to leave with, as `sys.exit` takes it."""
    from gostage_sim.gostage.child.failure import ThreadWatch, describe, forget_frames, sendable
    from gostage_sim.gostage.child.logs import LogForwarding

    started = time.monotonic()
    panics: list[BaseException] = []
    ThreadWatch(panics.append)
    LogForwarding(runner.broker.send)
    workflow_id = ""
    error: BaseException | None = None
    panicked = False
    workflow: Workflow | None = None
    final_store: dict[str, Any] | None = None
    unexportable: ExportError | None = None
    try:
        document = decode_document(_read_definition())
        workflow_id = str(document.get("id") or "")
        connection = _connected(document)
        if connection is not None:
            channel = wrap(connection)
            runner.broker.send_through(channel)
        _import_extras()
        workflow = Workflow.from_def(document)
        if connection is not None:
            workflow.action_middleware = (acknowledged(channel), *workflow.action_middleware)
        try:
            runner.execute(workflow)
            _join_threads()
        finally:
            final_store, unexportable = _export(workflow.store)
    except ChannelClosedError as closed:
        return _unheard(closed)
    except SystemExit as wish:
        error = wish
    except ActionError as failure:
        if isinstance(failure.__cause__, ChannelClosedError):
            return _unheard(failure.__cause__)
        error = failure
    except Exception as failure:
        error = failure
        panicked = not isinstance(failure, GostageError)
    except BaseException as failure:
        error, panicked = failure, True
    if error is None and panics:
        error, panicked = panics[0], True
    error = error or unexportable
    result: dict[str, Any] = {
        "workflow_id": workflow_id,
        "success": error is None,
        "error_message": "",
        "execution_time_ms": int((time.monotonic() - started) * 1000),
    }
    if error is not None:
        # An action's error is shown as what the action raised; where it happened stands in error_message.
        cause = error.__cause__ if isinstance(error, ActionError) and error.__cause__ is not None else error
        facts = describe(cause)
        if isinstance(error, SystemExit):
            given = repr(facts["message"]) if isinstance(error.code, str) else facts["message"]
            facts |= {"message": f"sys.exit({given}) was called {_where(workflow)}", "exited": True}
        result["error_message"] = sendable(safe_str(error)) if error is not cause else facts["message"]
        result["error"] = {**facts, "panicked": panicked}
    code: int | str | None = 0 if error is None else EXIT_PANICKED if panicked else EXIT_FAILED
    code_unheard: int | str | None = EXIT_FAILED
    if isinstance(error, SystemExit):
        code = code_unheard = error.code  # an action's own wish to leave; exit codes are its business
    for held in (error, *panics):
        forget_frames(held)  # they hold what the actions had in hand: memory that sending may need
    try:
        if final_store is not None:
            channel.send("final_store", final_store)
        channel.send("workflow_result", result)
        channel.flush()
    except ChannelClosedError:
        if error is not None and not isinstance(error, SystemExit):
            _say(result["error"]["traceback"])
        return code_unheard
    return code


def _connected(document: dict[str, Any]) -> GrpcChannel | None:
    """As `open_connection`; where it fails there is nowhere to send the reason to, and this is the end."""
    try:
        return open_connection(document)
    except Exception as error:
        from gostage_sim.gostage.grpc_ends import NO_CONNECTION

        _say(f"{NO_CONNECTION}{type(error).__name__}: {safe_str(error)}\n")
        raise ChannelClosedError(NO_CONNECTION) from error


def _unheard(closed: ChannelClosedError) -> int:
    """Nobody is left to tell, but for a fork, whose parent lives on and shows what it has on stderr."""
    if str(closed) == FORKED:
        _say(f"gostage: {closed}\n")
    return EXIT_FAILED


def _say(text: str) -> None:
    """On stderr, the only place that is left."""
    from contextlib import suppress

    with suppress(OSError):
        os.write(2, text.encode("utf-8", "backslashreplace"))


def _import_extras() -> None:
    """What `SpawnOptions.imports` of the parent names; not for the children of this child."""
    names = os.environ.pop(IMPORTS_VARIABLE, "")
    if not names:
        return
    from importlib import import_module

    for name in names.split(","):
        try:
            import_module(name)
        except (Exception, SystemExit) as error:
            raise DefinitionError(
                f"module {name!r} of SpawnOptions.imports cannot be imported in the child: "
                f"{type(error).__name__}: {safe_str(error)}"
            ) from error


def _where(workflow: Workflow | None) -> str:
    """Where in the workflow it was left, by what was running and could not go on."""
    if workflow is None:
        return "before the workflow began"
    for stage in workflow.stage_states():
        if stage.status == FAILED:
            for action in workflow.action_states(stage.stage.id):
                if action.status == FAILED:
                    return f"in action {action.action.name!r} of stage {stage.stage.id!r} in workflow {workflow.id!r}"
            return f"in stage {stage.stage.id!r} of workflow {workflow.id!r}"
    return f"in workflow {workflow.id!r}"


def _join_threads() -> None:
    """Wait for the threads that actions started, daemons excepted: the result speaks for them as well.

    The interpreter would wait for them too, but after the result was sent.
    """
    threading = sys.modules.get("threading")
    if threading is not None:
        mine = threading.current_thread()
        for thread in threading.enumerate():
            if thread is not mine and not thread.daemon:
                thread.join()


def _export(store: Store) -> tuple[dict[str, Any], ExportError | None]:
    """What can be exported, and what is wrong with the rest, which makes the workflow fail."""
    try:
        return store.export_all(), None
    except ExportError as error:
        return error.exported, error


def _read_definition() -> bytes:
    """Everything on stdin, to its end; then stdin is /dev/null, so that no action can wait for the parent on it."""
    parts = []
    while part := os.read(0, 1 << 20):
        parts.append(part)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return b"".join(parts)
