"""A started child in the hands of its parent: wait for it, cancel it, kill it."""

from __future__ import annotations

import errno
import math
import os
import resource
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.child.failure import errno_of
from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.clock import Clock
from gostage_sim.gostage.spawn.depth import allowed_depth, own_depth
from gostage_sim.gostage.spawn.driver import Driver
from gostage_sim.gostage.spawn.launchers import Launch, Launcher, LaunchError, ThisProgram
from gostage_sim.gostage.spawn.links import Links
from gostage_sim.gostage.spawn.middleware import Passage, SpawnMiddleware
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.result import ChildError, Outcome, SpawnResult
from gostage_sim.gostage.spawn.session import Session
from gostage_sim.gostage.spawn.stderr import ChildStderr
from gostage_sim.gostage.storing.encoding import export_values
from gostage_sim.gostage.wire.messages import Origin


class ChildHandle:
    """A started child. `wait()` reads and handles its messages until it is gone; until then they wait in the pipe.

    In a process forked from the one that started it, the handle does nothing to the child and `wait()` raises.

    Every method may be called from any thread, and again. As a context manager it cancels a child that was not waited
    for; without one, a child whose handle is dropped before the end is killed, with a ResourceWarning.
    """

    def __init__(self, passage: Passage, broker: Broker, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._passage = passage
        self._started = time.monotonic()
        self._delivery = Delivery(broker, passage.observers(), clock)
        self._driver: Driver | None = None
        self._result: SpawnResult | None = None
        self._waiting = threading.RLock()
        self._in_wait = False

    @classmethod
    def start(
        cls,
        definition: SubWorkflowDef,
        *,
        initial_store: Mapping[str, Any] | None,
        options: SpawnOptions | None,
        broker: Broker,
        launcher: Launcher | None,
        links: Links,
        middleware: tuple[SpawnMiddleware, ...] = (),
        clock: Clock = time.monotonic,
    ) -> Self:
        """Start the child; a child that cannot be started is a handle whose result is `start_failed`."""
        _check_arguments(definition, initial_store, options)
        if initial_store:
            definition = msgspec.structs.replace(
                definition, initial_store={**definition.initial_store, **export_values(initial_store)}
            )
        passage = Passage(definition, options or SpawnOptions(), middleware)
        try:
            passage.enter()
            handle = cls(passage, broker, clock)
            try:
                handle._open(launcher or ThisProgram(), links)
            except (OSError, LaunchError, ValueError) as error:
                handle._result = handle._failed_start(error)
        except BaseException as error:
            passage.leave(None, error)
            raise
        if handle._result is not None:
            passage.leave(handle._result, None)
        return handle

    @property
    def pid(self) -> int | None:
        """None when no child could be started."""
        return self._driver.process.pid if self._driver else None

    @property
    def result(self) -> SpawnResult | None:
        """None until some `wait()` came to the end of the child, or at once what kept it from starting."""
        return self._result

    def cancel(self) -> None:
        """SIGTERM to the child's group now, and SIGKILL after the grace period; the outcome is `cancelled`.

        The second signal, and the result, need somebody who waits. Does nothing the second time, or after the end.
        """
        if self._driver is not None:
            self._driver.cancel()

    def kill(self) -> None:
        """SIGKILL to the child's group now; the outcome is `cancelled`. Does nothing after the end."""
        if self._driver is not None and self._result is None:
            self._driver.kill()

    def wait(self, timeout_s: float | None = None) -> SpawnResult:
        """Handle messages in this thread until the child is gone. Never raises for what a child does.

        TimeoutError when it is not gone after so many seconds, which are real ones whatever the runner's clock; it goes
        on and can be waited for again, and with 0 this handles what has come by now. A handler that takes longer is not
        interrupted.

        KeyboardInterrupt, SystemExit and the like, out of a handler or a signal, end the child first and then pass on.
        Of several threads one does the work and the others get the same result.
        """
        if self._result is None and not self._is_ours:
            raise self._of_another_process()
        wait_s = math.inf if timeout_s is None else max(0.0, timeout_s)
        until = time.monotonic() + wait_s
        if not self._waiting.acquire(timeout=min(wait_s, threading.TIMEOUT_MAX)):
            raise self._still_running(wait_s)
        try:
            if self._in_wait and self._result is None:
                raise RuntimeError("wait() was called by a handler of this same child, which would wait for itself")
            self._in_wait = True
            try:
                if self._result is None:
                    self._run_to_the_end(until)
            finally:
                self._in_wait = False
        finally:
            self._waiting.release()
        if self._result is None:
            raise self._still_running(wait_s)
        return self._result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._result is None and self._is_ours:
            self._discard()
            self.wait()

    def __del__(self) -> None:
        driver: Driver | None = getattr(self, "_driver", None)
        if driver is not None and self._result is None:
            driver.forget()  # or its child would live on until the next garbage collection

    def __repr__(self) -> str:
        state = "running" if self._result is None else self._result.outcome
        return f"<ChildHandle {self._passage.context.definition.id!r} pid {self.pid} {state}>"

    @property
    def _is_ours(self) -> bool:
        return self._driver is None or self._driver.process.is_ours

    def _of_another_process(self) -> RuntimeError:
        return RuntimeError(
            f"child {self._passage.context.definition.id!r}, pid {self.pid}, was started by another process, of "
            f"which this one, pid {os.getpid()}, is a fork; wait there, or start it here"
        )

    def _still_running(self, wait_s: float) -> TimeoutError:
        return TimeoutError(
            f"child {self._passage.context.definition.id!r}, pid {self.pid}, is not gone after {wait_s:g} s; "
            "wait again, or cancel() it"
        )

    # --- start ------------------------------------------------------------------------------------------------------

    def _open(self, launcher: Launcher, links: Links) -> None:
        definition, options = self._passage.context.definition, self._passage.context.options
        depth, allowed = own_depth(), allowed_depth(options.max_depth)
        if allowed == 0:
            raise LaunchError("SpawnOptions.max_depth is 0: no child may be started")
        if depth >= allowed:
            raise LaunchError(
                f"spawn depth {allowed} is reached: this process is itself a child of children. "
                "A program that starts itself again must call gostage.child_main() when gostage.is_child()"
            )
        with ExitStack() as stack:
            # Its descriptors before the child: at the limit no child is started.
            driver = Driver(self._delivery, ChildStderr(options.forward_stderr, definition.id), self._clock)
            stack.callback(driver.close)
            link = links.open(definition, options)
            stack.callback(link.close)
            document = link.definition.to_json()
            process = launcher.start(Launch(link.definition, link.options, depth + 1))
            link.started(process.pid)
            origin = Origin(definition.id, process.pid, uuid.uuid4().hex)
            now, foreign = self._clock(), launcher.foreign
            session = Session(options, origin, now, foreign=foreign, make_reader=link.make_reader)
            driver.take(process, session, document, link.inlet)
            self._driver = driver
            self._passage.context.pid = process.pid
            stack.pop_all()

    def _failed_start(self, error: Exception) -> SpawnResult:
        return SpawnResult(
            workflow_id=self._passage.context.definition.id,
            outcome=Outcome.START_FAILED,
            error=ChildError(type(error).__name__, _why_no_start(error), errno=errno_of(error)),
            total_s=time.monotonic() - self._started,
        )

    # --- to the end: `many` and `asynchronous` wait in ways of their own, and use these too ---------------------------

    def _discard(self) -> None:
        """Cancel, and let what still comes go unhandled."""
        self._delivery.is_open = False
        self.cancel()

    def _run_to_the_end(self, until: float) -> None:
        driver = self._driver
        assert driver is not None
        try:
            driver.run(until)
            if not driver.process.is_ours:  # a handler has forked this process, and returned in both
                raise self._of_another_process()
            if driver.session.finished:
                self._finish(driver)
        except BaseException as error:
            self._abandon(driver, error)
            raise

    def _abandon(self, driver: Driver, error: BaseException) -> None:
        """End the child without handling anything more; a second interruption kills it at once."""
        if self._result is not None or not self._is_ours:  # a fork that a handler made, which leaves in its own way
            return
        try:
            self._discard()
            driver.run()
            self._finish(driver, error)
        except BaseException as again:
            if self._result is None:
                driver.kill()
                driver.run()
                self._finish(driver, again)
            raise

    def _finish(self, driver: Driver, raised: BaseException | None = None) -> None:
        """The child is gone: release everything, make the result. Once interrupted it is done again from the top.

        `raised` is what the caller will get raised instead of the result.
        """
        driver.finish()
        session = driver.session
        stderr_tail = driver.stderr.tail.decode("utf-8", "backslashreplace")
        outcome, error = session.verdict(stderr_tail)
        status = session.exit_status
        self._result = SpawnResult(
            workflow_id=self._passage.context.definition.id,
            outcome=outcome,
            pid=driver.process.pid,
            exit_code=status.exit_code,
            signal=status.signal,
            error=error,
            final_store=session.final_store,
            message_counts=session.message_counts,
            malformed=session.malformed,
            handler_errors=self._delivery.handler_errors,
            rejected=self._delivery.rejected,
            stderr_tail=stderr_tail,
            first_message_s=None if driver.first_message is None else driver.first_message - self._started,
            total_s=time.monotonic() - self._started,
            usage=status.usage,
        )
        self._passage.leave(self._result, raised)


def _check_arguments(definition: object, initial_store: object, options: object) -> None:
    """Wrong types are the caller's mistake and raise here; everything later is a result."""
    if not isinstance(definition, SubWorkflowDef):
        raise TypeError(f"a child is started from a SubWorkflowDef; found {type(definition).__name__}")
    if initial_store is not None and not isinstance(initial_store, Mapping):
        raise TypeError(f"initial_store is a mapping of keys to values; found {type(initial_store).__name__}")
    for key in initial_store or ():
        if not isinstance(key, str):
            raise TypeError(f"the keys of initial_store are str; found {key!r}")
    if options is not None and not isinstance(options, SpawnOptions):
        raise TypeError(f"options is a SpawnOptions; found {type(options).__name__}")


def _why_no_start(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return (
            f"{error}: this process may have {limit} open, and a running child takes 7 of them, 9 by gRPC, a few more "
            "while it starts; raise the limit (ulimit -n, resource.setrlimit) or run fewer at once (max_parallel)"
        )
    return str(error)
