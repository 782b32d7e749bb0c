"""The pool: observer processes that run scenarios side by side, each one scenario at a time.

There is one for each worker, and one more while a scenario waits for its deadline.

Plans go out and results come back as JSON, never as pickles: texts of hostile children are in the results, and bytes
that are only data cannot do anything. Python's own JSON, because it alone carries what plans and results may hold:
names of files that are no UTF-8, and integers of more than 64 bits. An observer that dies costs its scenario a
verdict, and a new one takes over.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
import multiprocess  # type: ignore[import-untyped]
from multiprocess import resource_tracker
from multiprocess.connection import wait  # type: ignore[import-untyped]

from gostage_sim.harness import proc, runs_folder
from gostage_sim.harness.keeping import keep
from gostage_sim.harness.limits import allow_many_files
from gostage_sim.harness.observer import folder_prefix, run_plan
from gostage_sim.harness.plan import Plan, make_plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.harness.schedule import observers
from gostage_sim.harness.verdict import unjudged
from gostage_sim.scenario.transports import Case

HISTORIES = "histories"

#: Python's variable for `-P`.
_SAFE_PATH = "PYTHONSAFEPATH"

#: From SIGTERM to SIGKILL for an observer: it ends its subject, whose children end with it.
_STOP_S = 5.0

#: Over the scenario's own time, for an observer to answer: it needs seconds, also to judge millions of messages.
_PATIENCE_S = 120.0


def _encoded(value: object) -> bytes:
    plain = msgspec.to_builtins(
        value, str_keys=True, enc_hook=lambda odd: odd.item() if hasattr(odd, "item") else repr(odd)
    )
    return json.dumps(plain).encode()


class _Pipe(Protocol):
    """A connection of `multiprocess`."""

    def send_bytes(self, data: bytes, /) -> None: ...
    def recv_bytes(self) -> bytes: ...
    def close(self) -> None: ...


class ObserverPool:
    """`with ObserverPool(workers=2, directory=Path("reports/latest")) as pool: for result in pool.run(…)`.

    With a directory the histories of an earlier run in there are replaced. Observers ignore SIGINT, so that who runs
    the pool decides what a Ctrl-C means: leaving the block stops observers and all their processes, whatever they do.
    """

    def __init__(self, *, workers: int, directory: Path | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more; found {workers}")
        self._workers = workers
        self._histories = None if directory is None else directory / HISTORIES
        self._observers: list[_Observer] = []

    def __enter__(self) -> Self:
        self._runs, self._held = runs_folder.make()
        # The first process that `multiprocess` starts gets a tracker of resources beside it, which would outlive us.
        self._tracker_is_ours = resource_tracker._resource_tracker._fd is None
        if self._histories is not None:
            shutil.rmtree(self._histories, ignore_errors=True)
            self._histories.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for observer in self._observers:
            observer.terminate()
        for observer in self._observers:
            observer.end()
        if self._tracker_is_ours:
            resource_tracker._resource_tracker._stop()  # there is no public way; it ends the process and reaps it
        shutil.rmtree(self._runs, ignore_errors=True)
        os.close(self._held)

    def run(
        self,
        cases: Iterable[Case],
        *,
        seed: int,
        round: int = 1,
        on_started: Callable[[Case], None] | None = None,
    ) -> Iterator[ScenarioResult]:
        """Run them all, in this round of a run; results come in the order in which they are done."""
        plans = (
            (case, {**make_plan(case.scenario, seed=seed, transport=case.transport), "round": round}) for case in cases
        )
        yield from self.run_plans(plans, on_started)

    def run_plans(
        self,
        plans: Iterable[tuple[Case, Plan]],
        on_started: Callable[[Case], None] | None = None,
    ) -> Iterator[ScenarioResult]:
        """As `run`, for plans made by the caller; each is taken when an observer is free for it."""
        waiting = iter(plans)
        following = next(waiting, None)
        busy: dict[_Pipe, tuple[_Observer, Case, Plan, float]] = {}
        idle = list(self._observers)
        while following is not None or busy:
            while following is not None and len(busy) < observers(
                self._workers, (running for _, running, _, _ in busy.values())
            ):
                case, plan = following
                observer = idle.pop() if idle else self._new_observer()
                if on_started is not None:
                    on_started(case)
                observer.give(plan)
                busy[observer.connection] = (observer, case, plan, time.monotonic())
                following = next(waiting, None)
            due = min(started + _patience_s(plan) for _, _, plan, started in busy.values())
            for connection in wait(list(busy), max(0.0, due - time.monotonic())):
                observer, _, plan, started = busy.pop(connection)
                try:
                    result = msgspec.convert(json.loads(connection.recv_bytes()), ScenarioResult)
                except (EOFError, OSError):
                    yield self._bury(observer, plan, time.monotonic() - started)
                    continue
                idle.append(observer)
                yield result
            for connection, (observer, _, plan, started) in list(busy.items()):
                waited = time.monotonic() - started
                if waited > _patience_s(plan):
                    del busy[connection]
                    observer.process.kill()
                    yield self._bury(observer, plan, waited, f", after {waited:.0f} s without an answer")

    def _new_observer(self) -> _Observer:
        observer = _Observer.start(self._histories, self._runs)
        self._observers.append(observer)
        return observer

    def _bury(self, observer: _Observer, plan: Plan, duration_s: float, more: str = "") -> ScenarioResult:
        """The result of the scenario in which it was lost. What there is of that is kept: it may say how."""
        self._observers.remove(observer)
        pid = observer.process.pid
        reason = f"its observer (pid {pid}) ended in the middle of it: {observer.end()}{more}"
        kept = {}
        if self._histories is not None:
            for folder in self._runs.glob(f"{folder_prefix(pid)}*"):
                with contextlib.suppress(OSError):  # somebody may still write in there
                    kept = {"history": str(keep(folder, self._histories, plan, lost=reason))}
        return unjudged(plan, reason, duration_s=duration_s, extra=kept)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """A process that is started meanwhile takes no file in the current directory for a module of the library's."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        _set_safe_path(before)


def _set_safe_path(value: str | None) -> None:
    if value is None:
        os.environ.pop(_SAFE_PATH, None)
    else:
        os.environ[_SAFE_PATH] = value


def _patience_s(plan: Plan) -> float:
    grace_s = max(child["grace_s"] for child in plan["children"])
    return float(plan["scenario"]["timeout_s"] + grace_s + _PATIENCE_S) * (1 if plan.get("twin") is None else 2)


@dataclass(slots=True)
class _Observer:
    """One observer process and the pipe to it."""

    process: Any
    connection: _Pipe

    @classmethod
    def start(cls, histories: Path | None, runs: Path) -> Self:
        # spawn, not fork: pytest and the terminal's progress have threads, and a forked lock stays locked for ever.
        context = multiprocess.get_context("spawn")
        ours, theirs = context.Pipe()
        # A daemon as this library has it: a program that ends without closing its pool stops it and does not wait.
        process = context.Process(
            target=_observe,
            args=(theirs, histories, runs, os.environ.get(_SAFE_PATH)),
            name="gostage-sim observer",
            daemon=True,
        )
        with _safe_path():
            # Where its tracker of resources does not run yet, starting a process starts that, which unblocks SIGINT.
            resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the observer ignores it
        try:
            with _safe_path():
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return cls(process, ours)

    def give(self, plan: Plan) -> None:
        # A broken pipe is seen when the answer is read.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(_encoded(plan))

    def terminate(self) -> None:
        self.process.terminate()

    def end(self) -> str:
        """Make sure that it is gone; returns how it ended."""
        self.process.join(_STOP_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code: int = self.process.exitcode
        self.connection.close()
        self.process.close()
        return f"killed by {proc.signal_name(-code)}" if code < 0 else f"exited with {code}"


class _Stopped(BaseException):
    """SIGTERM from the pool: unwinds the scenario, whose exit handlers end every process of it."""


def _observe(connection: _Pipe, histories: Path | None, runs: Path, safe_path: str | None) -> None:
    """The life of an observer: plans in, results out, until the pipe ends. `safe_path` is what its children see."""
    _set_safe_path(safe_path)

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; the way out must not be interrupted
        raise _Stopped

    os.setsid()  # what kills the tool with its whole process group must leave somebody to clean up
    # A handler and not SIG_IGN, which the subject and its children would inherit; the same goes for the mask.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    allow_many_files()
    with contextlib.suppress(EOFError, OSError, _Stopped), runs_folder.held(runs):
        # A pool that was killed can no longer stop its observers; the end of its pipe does.
        proc.signal_at_end_of(multiprocess.parent_process().sentinel, signal.SIGTERM)
        while True:
            plan = json.loads(connection.recv_bytes())
            result = run_plan(plan, histories=histories, runs=runs)
            connection.send_bytes(_encoded(result))
    if not multiprocess.parent_process().is_alive():
        # Where another observer still has its folder in there, that one is the next to try.
        with contextlib.suppress(OSError):
            runs.rmdir()
