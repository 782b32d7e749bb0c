"""The driver: one loop that does a session's I/O, in the thread that waits for the child.

One `poll` holds stdin, stdout, stderr, the pidfd, a wake-up descriptor and the next deadline. There are no helper
threads: handlers run between two reads, so a slow handler stalls its own child through the pipe and nobody else.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from fcntl import F_GETPIPE_SZ, fcntl
from types import TracebackType
from typing import Any, Self

import msgspec

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.launchers import Launcher, LaunchError, ThisProgram
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import DEPTH_VARIABLE, Process
from gostage_sim.gostage.spawn.result import ChildError, Outcome, SpawnResult
from gostage_sim.gostage.spawn.session import Order, Session
from gostage_sim.gostage.storing.encoding import export_values
from gostage_sim.gostage.wire.messages import Message, Origin

READ_BYTES = 64 * 1024
STDERR_TAIL_BYTES = 64 * 1024
MAX_POLL_MS = 3_600_000
"""`poll` takes no more than 24 days, and no infinity; waking once an hour costs nothing."""


class ChildHandle:
    """A started child. `wait()` reads and handles its messages until it is gone; until then they wait in the pipe.

    As a context manager it cancels a child that was not waited for.
    """

    def __init__(self, definition: SubWorkflowDef, options: SpawnOptions, broker: Broker) -> None:
        self._definition = definition
        self._options = options
        self._started = time.monotonic()
        self._first_message: float | None = None
        self._delivery = Delivery(broker)
        self._stderr = b""
        self._result: SpawnResult | None = None
        self._process: Process | None = None
        self._cancelled = False
        self._wake_fd = -1
        self._lock = threading.RLock()  # of the wake-up descriptor: cancel() comes from anywhere
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
        return self._process.pid if self._process else None

    def cancel(self) -> None:
        """End the child: SIGTERM, and SIGKILL after the grace period. From any thread; `wait()` returns the result."""
        self._cancelled = True
        self._wake()

    def kill(self) -> None:
        """SIGKILL to the child's group now; the outcome is `cancelled`."""
        if self._process is not None and self._result is None:
            self._cancelled = True
            self._process.signal_group(signal.SIGKILL)  # before the loop wakes, which would begin with SIGTERM
            self._wake()

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

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self._close_wake_fd()

    # --- start ------------------------------------------------------------------------------------------------------

    def _open(self, document: bytes, launcher: Launcher) -> None:
        depth = _own_depth()
        if depth >= self._options.max_depth:
            raise LaunchError(
                f"spawn depth {self._options.max_depth} is reached: this process is itself a child of children. "
                "A program that starts itself again must call gostage.child_main() when gostage.is_child()"
            )
        with ExitStack() as stack:
            self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            stack.callback(self._close_wake_fd)
            self._process = process = launcher.start(self._options, depth + 1)
            stack.pop_all()
        origin = Origin(self._definition.id, process.pid, uuid.uuid4().hex)
        self._session = Session(self._options, origin, time.monotonic(), foreign=launcher.foreign)
        self._poll = select.poll()
        self._on_ready: dict[int, Callable[[], None]] = {}
        self._unwritten = memoryview(document)
        self._watch(process.stdin, select.POLLOUT, self._write_definition)
        self._watch(process.stdout, select.POLLIN, self._read_stdout)
        self._watch(process.stderr, select.POLLIN, self._read_stderr)
        self._watch(process.pidfd, select.POLLIN, self._see_exit)
        self._watch(self._wake_fd, select.POLLIN, self._see_wake)

    def _failed_start(self, error: Exception) -> SpawnResult:
        return SpawnResult(
            workflow_id=self._definition.id,
            outcome=Outcome.START_FAILED,
            error=ChildError(type(error).__name__, str(error)),
            total_s=time.monotonic() - self._started,
        )

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        session, poll = self._session, self._poll
        while not session.finished:
            wait_ms = _milliseconds(session.deadline - time.monotonic())
            for fd, _ in poll.poll(wait_ms):
                action = self._on_ready.get(fd)
                if action is not None:  # an earlier one of this round may have closed it
                    action()
            self._obey(session.tick(time.monotonic()))
        self._finish()

    def _obey(self, orders: Iterable[Order]) -> None:
        process = self._running
        for order in orders:
            if order is Order.TERMINATE:
                process.signal_group(signal.SIGTERM)
                process.signal_group(signal.SIGCONT)  # a stopped process would not see the other one
            elif order is Order.KILL:
                process.signal_group(signal.SIGKILL)

    def _finish(self) -> None:
        """The child is gone: end its group, take what is left in the pipe, release everything, make the result."""
        process, session = self._running, self._session
        process.signal_group(signal.SIGKILL)
        self._drain_stdout()
        self._drain_stderr()
        session.reaped(process.reap())
        outcome, error = session.verdict()
        self._on_ready.clear()  # before the descriptors go: an interrupted end is done again, from its beginning
        process.close()
        self._close_wake_fd()
        status = session.exit_status
        self._result = SpawnResult(
            workflow_id=self._definition.id,
            outcome=outcome,
            pid=process.pid,
            exit_code=status.exit_code,
            signal=status.signal,
            error=error,
            final_store=session.final_store,
            message_counts=session.message_counts,
            malformed=session.malformed,
            handler_errors=self._delivery.handler_errors,
            rejected=self._delivery.rejected,
            stderr_tail=self._stderr.decode("utf-8", "backslashreplace"),
            first_message_s=None if self._first_message is None else self._first_message - self._started,
            total_s=time.monotonic() - self._started,
        )

    def _run_to_the_end(self) -> None:
        try:
            self._run()
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """End the child without handling anything more; a second interruption kills it at once."""
        if self._result is not None:
            return
        self._delivery.is_open = False
        try:
            self._obey(self._session.cancel(time.monotonic()))
            self._run()
        except BaseException:
            self._running.signal_group(signal.SIGKILL)
            self._run()
            raise

    @property
    def _running(self) -> Process:
        assert self._process is not None
        return self._process

    # --- one method a descriptor ------------------------------------------------------------------------------------

    def _watch(self, fd: int, events: int, action: Callable[[], None]) -> None:
        self._poll.register(fd, events)
        self._on_ready[fd] = action

    def _unwatch(self, fd: int) -> None:
        if self._on_ready.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _close(self, fd: int) -> None:
        self._unwatch(fd)
        self._running.close_fd(fd)

    def _write_definition(self) -> None:
        fd = self._running.stdin
        try:
            written = self._running.write_stdin(self._unwritten)
        except BlockingIOError:
            return
        except OSError:  # the child closed its end; how it goes on is its business
            written = len(self._unwritten)
        self._unwritten = self._unwritten[written:]
        if not self._unwritten:
            self._close(fd)

    def _read_stdout(self) -> None:
        try:
            chunk = os.read(self._running.stdout, READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._deliver(self._session.feed(chunk))
        else:
            self._stdout_ended()

    def _read_stderr(self) -> None:
        try:
            chunk = os.read(self._running.stderr, READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._stderr = (self._stderr + chunk)[-STDERR_TAIL_BYTES:]
        else:
            self._close(self._running.stderr)
            self._see_closed_streams()

    def _stdout_ended(self) -> None:
        self._close(self._running.stdout)
        self._deliver(self._session.stdout_ended())
        self._see_closed_streams()

    def _see_closed_streams(self) -> None:
        if self._running.stdout not in self._on_ready and self._running.stderr not in self._on_ready:
            self._obey(self._session.streams_closed())

    def _see_exit(self) -> None:
        self._unwatch(self._running.pidfd)  # it stays readable
        self._close(self._running.stdin)
        if self._cancelled:  # by kill(), and the exit is seen before the wake-up
            self._obey(self._session.cancel(time.monotonic()))
        self._obey(self._session.exited(time.monotonic()))

    def _see_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        if self._cancelled:
            self._obey(self._session.cancel(time.monotonic()))

    def _wake(self) -> None:
        if self._process is not None and self._result is None:
            with self._lock:
                if self._wake_fd >= 0:  # else the loop ended at this moment
                    os.eventfd_write(self._wake_fd, 1)

    def _close_wake_fd(self) -> None:
        with self._lock:
            fd, self._wake_fd = self._wake_fd, -1
            if fd >= 0:
                os.close(fd)

    def _drain_stdout(self) -> None:
        """What the pipe holds now, and no more: somebody outside the group may go on writing for ever."""
        fd = self._running.stdout
        left = fcntl(fd, F_GETPIPE_SZ) if fd in self._on_ready else 0  # asked now: a child may have enlarged it
        while fd in self._on_ready and left > 0:
            try:
                chunk = os.read(fd, READ_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            left -= len(chunk)
            self._deliver(self._session.feed(chunk))
        if fd in self._on_ready:
            self._stdout_ended()

    def _drain_stderr(self) -> None:
        for _ in range(16):
            if self._running.stderr not in self._on_ready:
                break
            self._read_stderr()

    # --- handlers ---------------------------------------------------------------------------------------------------

    def _deliver(self, messages: Iterator[Message]) -> None:
        """Call the handlers of each message, in order, keeping an eye on the deadline between two of them."""
        if self._first_message is None:
            messages = self._noting_first(messages)
        self._delivery.deliver(messages, self._session, self._overdue)

    def _overdue(self) -> None:
        """A deadline passed between two messages. A child that is gone by now was in time; its handlers are behind."""
        if self._running.pidfd in self._on_ready and self._running.has_exited():
            self._see_exit()
        self._obey(self._session.tick(time.monotonic()))

    def _noting_first(self, messages: Iterator[Message]) -> Iterator[Message]:
        for message in messages:
            if self._first_message is None:
                self._first_message = time.monotonic()
            yield message


def _check_arguments(definition: object, initial_store: object, options: object) -> None:
    """Wrong types are the caller's mistake and raise here; everything later is a result."""
    if not isinstance(definition, SubWorkflowDef):
        raise TypeError(f"a child is started from a SubWorkflowDef; found {type(definition).__name__}")
    if initial_store is not None and not isinstance(initial_store, Mapping):
        raise TypeError(f"initial_store is a mapping of keys to values; found {type(initial_store).__name__}")
    if options is not None and not isinstance(options, SpawnOptions):
        raise TypeError(f"options is a SpawnOptions; found {type(options).__name__}")


def _milliseconds(seconds: float) -> int:
    return max(0, math.ceil(min(seconds * 1000, MAX_POLL_MS)))


def _own_depth() -> int:
    """How deep this process is itself; what is no number was not written by a runner."""
    try:
        return int(os.environ.get(DEPTH_VARIABLE, "0"))
    except ValueError:
        return 0
