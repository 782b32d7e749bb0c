"""The subject: the parent under test, `python -m gostage_sim.harness.subject FOLDER`.

It is a program as users write it: one runner, handlers, a thread for each child that calls `runner.spawn()`. Besides,
it journals what its handlers see and what `spawn()` returned, beats a heart, and meets the observer twice, before the
first spawn and after the last. It judges nothing.
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
from pathlib import Path
from types import TracebackType
from typing import Any

from gostage_sim import gostage
from gostage_sim.gostage.spawn.launchers import Launch, Launcher
from gostage_sim.gostage.spawn.process import Process, signal_name
from gostage_sim.gostage.wire.encode import encode_value
from gostage_sim.harness.channel import message_crc
from gostage_sim.harness.control import EXIT_ORPHANED, PLAN_VARIABLE, Client
from gostage_sim.harness.limits import allow_many_files
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
        self._lock = threading.Lock()
        self._journal = Journal(str(folder / "subject.journal"))
        self._heart = Journal(str(folder / "heart.journal"))
        self._index = {child["name"]: index for index, child in enumerate(plan["children"])}
        self._control = Client(str(folder))
        self._stopping = threading.Event()
        child = gostage.launchers.Program([sys.executable, "-P", "-m", "gostage_sim.harness.child"], foreign=False)
        self._runner = gostage.Runner(launcher=_Peeking(child, self._record))
        self._problems = 0
        self._runner.broker.register_default_handler(self._telling(self._handle))
        for type, delay_s in plan["handlers"].items():
            handler = self._slow(delay_s) if delay_s else self._handle
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
        threads = [threading.Thread(target=self._spawn, args=(child,), name=child["name"]) for child in children]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._spawn(recovery)
        self._record("finished")
        self._control.ask("done")

    def _spawn(self, child: dict[str, Any]) -> None:
        name = child["name"]
        options = gostage.SpawnOptions(
            timeout_s=child["timeout_s"],
            grace_s=child["grace_s"],
            environment={PLAN_VARIABLE: str(self._folder / child["plan"])},
        )
        definition = definition_of(name, child["steps"])
        try:
            self._record("spawned", child=name)
            result = self._runner.spawn(definition, options=options)
        except Exception as error:
            self._record("spawn_error", child=name, text=_shortened(f"{type(error).__name__}: {error}"))
            traceback.print_exc()
        else:
            self._record("returned", child=name)
            self._record("report", child=name, report=_report(result))
        finally:
            self._control.tell("returned", child=name)

    def _handle(self, message: gostage.Message) -> None:
        crc = message_crc(message.type, message.payload)
        child = self._index.get(message.origin.workflow_id, STRANGER)
        with self._lock:
            self._journal.handled(child, message.type, crc)

    def _slow(self, delay_s: float) -> Callable[[gostage.Message], None]:
        def handle(message: gostage.Message) -> None:
            self._handle(message)
            time.sleep(delay_s)

        return handle

    def _telling(self, handler: Callable[[gostage.Message], None]) -> Callable[[gostage.Message], None]:
        """The handler, whose exceptions, which the engine survives, do not go unnoticed: the first one is evidence."""

        def handle(message: gostage.Message) -> None:
            try:
                handler(message)
            except Exception as error:
                self._problems += 1
                if self._problems == 1:
                    text = f"a handler of the parent raised {type(error).__name__}: {error}"
                    self._record("problem", text=_shortened(text))
                raise

        return handle

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


class _Peeking:
    """A launcher whose processes record what the kernel says of their end, just before the engine takes the status."""

    def __init__(self, launcher: Launcher, record: Callable[..., None]) -> None:
        self.foreign = launcher.foreign
        self._launcher = launcher
        self._record = record

    def start(self, launch: Launch) -> Process:
        process = self._launcher.start(launch)
        reap = process.reap

        def peek_and_reap() -> Any:
            try:
                status = os.waitid(os.P_PIDFD, process.pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except OSError:
                status = None  # the engine closed the pidfd or reaped before; then nothing is known
            if status is not None:
                exited = status.si_code == os.CLD_EXITED
                self._record(
                    "kernel",
                    pid=process.pid,
                    exit_code=status.si_status if exited else None,
                    signal=None if exited else signal_name(status.si_status),
                )
            return reap()

        process.reap = peek_and_reap  # type: ignore[method-assign]
        return process


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


def _shortened(text: str) -> str:
    half = _MAX_TEXT // 2
    return text if len(text) <= _MAX_TEXT else f"{text[:half]} … {text[-half:]}"


def main() -> None:
    """Run the plan in the folder that the observer names."""
    # When the observer dies this process dies too, and with it, by the engine's own lifelines, every child.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    allow_many_files()
    import json

    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    if plan.get("saboteur") is not None:
        from gostage_sim.harness.saboteurs import saboteur

        saboteur(plan["saboteur"]).sabotage()
    Subject(folder, plan).run()


if __name__ == "__main__":
    main()
