"""The subject: the parent under test, `python -m gostage_sim.harness.subject FOLDER`.

It is a program as users write it: one runner, handlers, a thread for each child that calls `runner.spawn()`. Besides,
it journals what its handlers see and what `spawn()` returned, beats a heart, does the faults that strike in a parent,
and meets the observer twice, before the first spawn and after the last. It judges nothing.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from gostage_sim import gostage
from gostage_sim.faults.clock import Clock
from gostage_sim.faults.interrupt_parent import InterruptParent
from gostage_sim.gostage.wire.encode import encode_value
from gostage_sim.harness.channel import message_crc
from gostage_sim.harness.control import EXIT_ORPHANED, PLAN_VARIABLE, Client
from gostage_sim.harness.handlers import ScriptedError, ScriptedHandler
from gostage_sim.harness.interruption import Undivided, handle_interruptions
from gostage_sim.harness.launchers import ScenarioLauncher
from gostage_sim.harness.limits import allow_many_files
from gostage_sim.harness.parent_faults import ParentFaults
from gostage_sim.harness.stepped_clock import SteppedClock
from gostage_sim.harness.steps import definition_of
from gostage_sim.history.journal import STRANGER, Journal

HEARTBEAT_MS = 20
_MAX_TEXT = 16 << 10
_MAX_STORE_CHARACTERS = 256 << 10
_PR_SET_PDEATHSIG = 1


class Subject:
    """The running parent: its runner, its journals, its line to the observer."""

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self._folder = folder
        self._plan = plan
        self._lock: AbstractContextManager[Any] = threading.Lock()
        if self._is_interrupted():
            self._lock = lock = Undivided()
            handle_interruptions(lock)
        self._journal = Journal(str(folder / "subject.journal"))
        self._heart = Journal(str(folder / "heart.journal"))
        self._index = {child["name"]: index for index, child in enumerate(plan["children"])}
        self._control = Client(str(folder))
        self._stopping = threading.Event()
        self._problems = 0
        self._launcher = ScenarioLauncher(plan["children"], self._record)
        clock = SteppedClock()
        is_stepped = any(fault["kind"] == Clock.kind for child in plan["children"] for fault in child["faults"])
        self._runner = gostage.Runner(
            launcher=self._launcher, transport=plan["transport"], clock=clock if is_stepped else time.monotonic
        )
        self._faults = ParentFaults(folder, self._runner, self._launcher, clock, self._record)
        self._runner.broker.register_default_handler(self._telling(self._handle))
        self._handlers: list[ScriptedHandler] = []
        for type, planned in plan["handlers"].items():
            handler = ScriptedHandler(planned, see=self._handle, spawn=self._spawn_named, record=self._record)
            self._handlers.append(handler)
            self._runner.broker.register_handler(type, self._telling(handler))

    def run(self) -> None:
        """The whole life of the parent."""
        sys.excepthook = self._unhandled
        threading.excepthook = lambda args: self._unhandled(args.exc_type, args.exc_value, args.exc_traceback)
        heart = threading.Thread(target=self._beat, name="heart")
        heart.start()
        try:
            self._work()
        finally:
            self._stopping.set()
            heart.join()

    def _work(self) -> None:
        self._control.ask("hello", subject=True)
        self._control.ask("baseline")
        *children, recovery = self._plan["children"]
        for wave in sorted({child["wave"] for child in children}):
            ours = [
                child for child in children if child["wave"] == wave and child["role"] != "fresh"
            ]  # not a handler's
            here = [child for child in ours if _interrupts(child)][:1]
            threads = [
                threading.Thread(target=self._spawn, args=(child,), name=child["name"])
                for child in ours
                if child not in here
            ]
            for thread in threads:
                thread.start()
            for child in here:
                self._spawn(child)
            for thread in threads:
                thread.join()
        self._spawn(recovery)
        self._runner.close()
        self._launcher.close()
        self._record("finished", refused_calls=self._runner.refused_calls, strangers=self._runner.strangers)
        self._control.ask("done")

    def _spawn(self, child: dict[str, Any]) -> None:
        name = child["name"]
        more: dict[str, Any] = child["options"]
        told = {} if child["command"] else {PLAN_VARIABLE: str(self._folder / child["plan"])}
        options = gostage.SpawnOptions(
            timeout_s=child["timeout_s"],
            grace_s=child["grace_s"],
            end_daemons=child["end_daemons"],
            limits=gostage.ResourceLimits(**child["limits"]),
            **{**more, "environment": {**more["environment"], **told}},
        )
        if child["command"]:
            definition = gostage.SubWorkflowDef(id=name)
        else:
            definition = definition_of(name, child["steps"], child["definition_size"])
        try:
            with self._faults.of(child):
                self._spawn_and_report(name, definition, options)
        finally:
            self._control.tell("returned", child=name)

    def _spawn_named(self, name: str) -> None:
        self._spawn(self._plan["children"][self._index[name]])

    def _spawn_and_report(self, name: str, definition: gostage.SubWorkflowDef, options: gostage.SpawnOptions) -> None:
        try:
            self._record("spawned", child=name)
            result = self._runner.spawn(definition, options=options)
        except BaseException as error:
            text = _shortened(f"{type(error).__name__}: {error}")
            if self._was_to_be_left(name, error):
                self._record("left", child=name, error=text, gone=_gone(self._launcher.pids.get(name)))
                return
            self._record("spawn_error", child=name, text=text)
            traceback.print_exc()
        else:
            self._record("returned", child=name)
            self._record("report", child=name, report=_report(result))

    def _was_to_be_left(self, name: str, error: BaseException) -> bool:
        """Whether the scenario wants something to come out of the spawn of this child."""
        if isinstance(error, SystemExit) and any(name in handler.left for handler in self._handlers):
            return True
        interrupted = _interrupts(self._plan["children"][self._index[name]])
        return interrupted and isinstance(error, KeyboardInterrupt | SystemExit)

    def _is_interrupted(self) -> bool:
        return any(map(_interrupts, self._plan["children"]))

    def _handle(self, message: gostage.Message) -> None:
        crc = message_crc(message.type, message.payload)
        child = self._index.get(message.origin.workflow_id, STRANGER)
        with self._lock:
            self._journal.handled(child, message.type, crc)
        self._faults.handled(message.origin.workflow_id)

    def _telling(self, handler: Callable[[gostage.Message], None]) -> Callable[[gostage.Message], None]:
        """The handler, whose exceptions, which the engine survives, do not go unnoticed: the first one that the
        scenario does not want is evidence."""

        def handle(message: gostage.Message) -> None:
            try:
                handler(message)
            except ScriptedError:
                self._raised(message)
                raise
            except Exception as error:
                self._raised(message)
                self._problems += 1
                if self._problems == 1:
                    text = f"a handler of the parent raised {type(error).__name__}: {error}"
                    self._record("problem", text=_shortened(text))
                raise
            finally:
                with self._lock:
                    self._journal.done(self._index.get(message.origin.workflow_id, STRANGER))

        return handle

    def _raised(self, message: gostage.Message) -> None:
        with self._lock:
            self._journal.raised(self._index.get(message.origin.workflow_id, STRANGER))

    def _record(self, event: str, **facts: Any) -> None:
        with self._lock:
            self._journal.event(event, **facts)

    def _beat(self) -> None:
        """Beat until the end of the work. The heart also notices when the observer is gone: then nothing may stay."""
        line = select.poll()
        line.register(self._control.fileno(), select.POLLRDHUP)
        while not self._stopping.is_set():
            now_ns = time.monotonic_ns()
            self._heart.beat()
            self._control.hint("beat", since_ns=now_ns)
            if line.poll(HEARTBEAT_MS):
                os._exit(EXIT_ORPHANED)

    def _unhandled(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        thread = threading.current_thread().name
        self._record("unhandled", text=_shortened(f"{kind.__name__}: {error} in thread {thread}"))
        traceback.print_exception(kind, error, trace)


def _interrupts(child: dict[str, Any]) -> bool:
    """Whether a fault of the child interrupts this process, so that it has to be spawned in the main thread."""
    return any(fault["kind"] == InterruptParent.kind for fault in child["faults"])


def _report(result: gostage.SpawnResult) -> dict[str, Any]:
    """What the engine said, in bounded size."""
    error, store = result.error, result.final_store
    try:
        small = len(encode_value(store)) <= _MAX_STORE_CHARACTERS
    except (TypeError, ValueError, RecursionError):
        small = False
    return {
        "outcome": str(result.outcome),
        "exit_code": result.exit_code,
        "signal": result.signal,
        "pid": result.pid,
        "error_type": None if error is None else _shortened(error.type),
        "error_message": None if error is None else _shortened(error.message),
        "malformed_count": result.malformed.count,
        "malformed": [
            [line.offset, line.length, _shortened(line.reason), line.after_messages]
            for line in result.malformed.samples
        ],
        "handler_errors": len(result.handler_errors),
        "stderr_tail": result.stderr_tail[-_MAX_TEXT:],
        "final_store": store if small else None,
    }


def _gone(pid: int | None) -> bool:
    """Whether the kernel has forgotten this process: it was reaped."""
    return pid is not None and not os.path.exists(f"/proc/{pid}")


def _shortened(text: str) -> str:
    half = _MAX_TEXT // 2
    return text if len(text) <= _MAX_TEXT else f"{text[:half]} … {text[-half:]}"


def _reset_signals() -> None:
    """As in a terminal, also where the tool runs under `nohup` or in the background of a script: what is ignored there
    would be ignored by every child, and a fault that sends it would have no effect."""
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these two
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main() -> None:
    """Run the plan in the folder that the observer names; or be a child that this program was started again for."""
    if gostage.is_child():
        from gostage_sim.harness.child import main as child_main

        child_main()
    # When the observer dies this process dies too, and with it, by the engine's own lifelines, every child.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    allow_many_files()
    _reset_signals()
    import json

    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    if plan.get("saboteur") is not None:
        from gostage_sim.harness.saboteurs import saboteur

        saboteur(plan["saboteur"]).sabotage()
    Subject(folder, plan).run()


if __name__ == "__main__":
    main()
