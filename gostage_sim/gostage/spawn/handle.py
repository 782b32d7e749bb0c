"""A started child in the hands of its parent: wait for it, cancel it, kill it."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.depth import own_depth
from gostage_sim.gostage.spawn.driver import Driver
from gostage_sim.gostage.spawn.launchers import Launch, Launcher, LaunchError, ThisProgram
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.result import ChildError, Outcome, SpawnResult
from gostage_sim.gostage.spawn.session import Session
from gostage_sim.gostage.storing.encoding import export_values
from gostage_sim.gostage.wire.messages import Origin


class ChildHandle:
    """A started child. `wait()` reads and handles its messages until it is gone; until then they wait in the pipe.

    As a context manager it cancels a child that was not waited for.
    """

    def __init__(self, definition: SubWorkflowDef, options: SpawnOptions, broker: Broker) -> None:
        self._definition = definition
        self._options = options
        self._started = time.monotonic()
        self._delivery = Delivery(broker)
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
    ) -> Self:
        """Start the child; a child that cannot be started is a handle whose result is `start_failed`."""
        _check_arguments(definition, initial_store, options)
        if initial_store:
            definition = msgspec.structs.replace(
                definition, initial_store={**definition.initial_store, **export_values(initial_store)}
            )
        handle = cls(definition, options or SpawnOptions(), broker)
        document = definition.to_json()
        try:
            handle._open(document, launcher or ThisProgram())
        except (OSError, LaunchError, ValueError) as error:
            handle._result = handle._failed_start(error)
        return handle

    @property
    def pid(self) -> int | None:
        """None when no child could be started."""
        return self._driver.process.pid if self._driver else None

    def cancel(self) -> None:
        """End the child: SIGTERM, and SIGKILL after the grace period. From any thread; `wait()` returns the result."""
        if self._driver is not None:
            self._driver.cancel()

    def kill(self) -> None:
        """SIGKILL to the child's group now; the outcome is `cancelled`."""
        if self._driver is not None and self._result is None:
            self._driver.kill()

    def wait(self) -> SpawnResult:
        """Handle messages in this thread until the child is gone. Never raises for what a child does.

        KeyboardInterrupt, SystemExit and the like, out of a handler or a signal, end the child first and then pass on.
        Of several threads one does the work and the others get the same result.
        """
        with self._waiting:
            if self._in_wait and self._result is None:
                raise RuntimeError("wait() was called by a handler of this same child, which would wait for itself")
            self._in_wait = True
            try:
                if self._result is None:
                    self._run_to_the_end()
            finally:
                self._in_wait = False
            assert self._result is not None
            return self._result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._result is None:
            self.cancel()
            self._delivery.is_open = False
            self.wait()

    # --- start ------------------------------------------------------------------------------------------------------

    def _open(self, document: bytes, launcher: Launcher) -> None:
        depth = own_depth()
        if depth >= self._options.max_depth:
            raise LaunchError(
                f"spawn depth {self._options.max_depth} is reached: this process is itself a child of children. "
                "A program that starts itself again must call gostage.child_main() when gostage.is_child()"
            )
        with ExitStack() as stack:
            driver = Driver(self._delivery)  # its descriptors before the child: at the limit no child is started
            stack.callback(driver.close)
            process = launcher.start(Launch(self._definition, self._options, depth + 1))
            origin = Origin(self._definition.id, process.pid, uuid.uuid4().hex)
            session = Session(self._options, origin, time.monotonic(), foreign=launcher.foreign)
            driver.take(process, session, document)
            self._driver = driver
            stack.pop_all()

    def _failed_start(self, error: Exception) -> SpawnResult:
        return SpawnResult(
            workflow_id=self._definition.id,
            outcome=Outcome.START_FAILED,
            error=ChildError(type(error).__name__, str(error)),
            total_s=time.monotonic() - self._started,
        )

    # --- to the end -------------------------------------------------------------------------------------------------

    def _run_to_the_end(self) -> None:
        driver = self._driver
        assert driver is not None
        try:
            driver.run()
            self._finish(driver)
        except BaseException:
            self._abandon(driver)
            raise

    def _abandon(self, driver: Driver) -> None:
        """End the child without handling anything more; a second interruption kills it at once."""
        if self._result is not None:
            return
        self._delivery.is_open = False
        try:
            driver.cancel()
            driver.run()
            self._finish(driver)
        except BaseException:
            driver.process.signal_group(signal.SIGKILL)
            driver.run()
            self._finish(driver)
            raise

    def _finish(self, driver: Driver) -> None:
        """The child is gone: release everything, make the result. Once interrupted it is done again from the top."""
        driver.finish()
        session = driver.session
        outcome, error = session.verdict()
        status = session.exit_status
        self._result = SpawnResult(
            workflow_id=self._definition.id,
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
            stderr_tail=driver.stderr_tail.decode("utf-8", "backslashreplace"),
            first_message_s=None if driver.first_message is None else driver.first_message - self._started,
            total_s=time.monotonic() - self._started,
            usage=status.usage,
        )


def _check_arguments(definition: object, initial_store: object, options: object) -> None:
    """Wrong types are the caller's mistake and raise here; everything later is a result."""
    if not isinstance(definition, SubWorkflowDef):
        raise TypeError(f"a child is started from a SubWorkflowDef; found {type(definition).__name__}")
    if initial_store is not None and not isinstance(initial_store, Mapping):
        raise TypeError(f"initial_store is a mapping of keys to values; found {type(initial_store).__name__}")
    if options is not None and not isinstance(options, SpawnOptions):
        raise TypeError(f"options is a SpawnOptions; found {type(options).__name__}")
