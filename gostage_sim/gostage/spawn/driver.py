"""The driver: one loop that does a session's I/O, in the thread that waits for the child.

One `epoll` holds stdin, stdout, stderr, the pidfd and a wake-up descriptor; the session says until when to wait. There
are no helper threads: handlers run between two reads, so a slow handler stalls its own child through the pipe and
nobody else. A child that sends by gRPC has an inlet beside these, and its stdout is output like its stderr. The epoll
has a descriptor itself, so that another loop (asyncio's) can wait for `step()` to have work.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from fcntl import F_GETPIPE_SZ, fcntl

from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.clock import Clock, longest_wait_s
from gostage_sim.gostage.spawn.inlet import Inlet
from gostage_sim.gostage.spawn.process import Process, close_kept, keep_from_forks
from gostage_sim.gostage.spawn.session import Order, Session
from gostage_sim.gostage.spawn.stderr import ChildStderr
from gostage_sim.gostage.spawn.turns import Turns
from gostage_sim.gostage.wire.messages import Message

READ_BYTES = 64 * 1024
MAX_WAIT_S = 3600.0
"""`epoll` takes no more than 24 days, and no infinity; waking once an hour costs nothing."""
MAX_DEAF_S = 1.0
"""How long the main thread waits at most without running signal handlers that are due: the kernel may have given their
signal to another thread, which wakes nobody."""


class Driver:
    """Drives one session: `take()` a process, then `run()`, or `step()` after `step()`, then `finish()`."""

    process: Process
    session: Session

    def __init__(self, delivery: Delivery, stderr: ChildStderr, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        """What the session's deadlines are measured by; it never runs backwards."""
        self.first_message: float | None = None
        """When it was read, on `time.monotonic`, whatever the clock."""
        self.stderr = stderr
        self._delivery = delivery
        self._longest_wait_s = min(MAX_WAIT_S, longest_wait_s(clock))
        self._cancelled_at: float | None = None
        self._terminated = False
        self._lock = threading.RLock()  # of the wake-up descriptor and SIGTERM: cancel() comes from anywhere
        self._owner = os.getpid()
        self._on_ready: dict[int, Callable[[], None]] = {}
        self._inlet: Inlet | None = None
        self._wake_fd = self._inlet_fd = -1
        with ExitStack() as stack:
            self._epoll = stack.enter_context(select.epoll())
            self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            keep_from_forks(self._wake_fd)
            stack.pop_all()

    def take(self, process: Process, session: Session, document: bytes, inlet: Inlet | None = None) -> None:
        """Begin with a process that was just started; `document` goes to its stdin, what fits of it at once.

        Its messages come through the inlet, which is closed at the end, or without one out of its stdout.
        """
        self.process, self.session, self._inlet = process, session, inlet
        self._unwritten = memoryview(document)
        if inlet is not None:
            self._inlet_fd = inlet.fileno()
            self._watch(self._inlet_fd, select.EPOLLIN, self._read_inlet)
        self._watch(process.stdin, select.EPOLLOUT, self._write_definition)
        self._watch(process.stdout, select.EPOLLIN, self._read_stdout)
        self._watch(process.stderr, select.EPOLLIN, self._read_stderr)
        self._watch(process.pidfd, select.EPOLLIN, self._see_exit)
        self._watch(self._wake_fd, select.EPOLLIN, self._see_wake)
        self._write_definition()  # so that it runs at once, whenever somebody waits for it

    def fileno(self) -> int:
        """Readable when `step(0)` has something to do before the session's deadline."""
        return self._epoll.fileno()

    @property
    def is_closed(self) -> bool:
        """Whether its descriptors or the process's were returned, or it was forgotten: there is nothing to wait for."""
        return self._epoll.closed or self.process.is_closed or not self._on_ready

    def run(self, until: float = math.inf) -> None:
        """Until the session is finished, or until this time of `time.monotonic`, and one step at least; in a fork of
        the process that started the child, which has none of its descriptors, not at all."""
        deaf_s = MAX_DEAF_S if threading.current_thread() is threading.main_thread() else MAX_WAIT_S
        with Turns() as turns:
            while not self.session.finished and self.process.is_ours:
                self.step(min(self.longest_wait_s, until - time.monotonic(), deaf_s))
                if time.monotonic() >= until:
                    break
                turns.give_way()

    @property
    def longest_wait_s(self) -> float:
        """How long to wait at most for something to happen."""
        return min(self.session.deadline - self.clock(), self._longest_wait_s)

    def step(self, wait_s: float) -> None:
        """Wait for something to happen, but no longer than this, and do what it asks for."""
        for fd, _ in self._epoll.poll(max(0.0, wait_s)):
            action = self._on_ready.get(fd)
            # An earlier one of this round may have closed it; or called a handler that forked, and this is the fork.
            if action is not None and self.process.is_ours:
                action()
        self._obey(self.session.tick(self.clock()))

    def cancel(self) -> None:
        """SIGTERM to the child's group, once; the loop sends SIGKILL when the grace period is over. From any thread."""
        if not self.process.is_ours:
            return
        with self._lock:
            if self._wake_fd < 0:  # the loop has ended
                return
            if self._cancelled_at is None:
                self._cancelled_at = self.clock()
            self._terminate()  # not left to the loop, which may be in a handler or not be run yet
            os.eventfd_write(self._wake_fd, 1)

    def kill(self) -> None:
        """SIGKILL to the child's group. From any thread."""
        if not self.process.is_ours:
            return
        with self._lock:
            self._terminated = True
            self.cancel()  # first: the loop may see the end before this returns, and has to know why
            self.process.signal_group(signal.SIGKILL)

    def forget(self) -> None:
        """Nobody will run this loop: let go of the process, which ends its child when nobody else holds it."""
        self._on_ready.clear()  # bound methods, a reference cycle

    def finish(self) -> None:
        """The session is finished: end the group, take what is left in the pipes, release everything."""
        process = self.process
        process.signal_group(signal.SIGKILL)
        process.end_descendants()
        self._drain_stdout()
        self._drain_inlet()
        self._drain_stderr()
        self.session.reaped(process.reap())
        self._on_ready.clear()  # before the descriptors go: an interrupted end is done again, from its beginning
        process.close()
        self.close()

    def close(self) -> None:
        """Return the loop's own descriptors."""
        with self._lock:
            fd, self._wake_fd = self._wake_fd, -1
            if fd >= 0:
                close_kept(fd)
        self._epoll.close()
        if self._inlet is not None:
            self._inlet.close()

    def __del__(self) -> None:
        # It has none when there was no descriptor left; in a fork, another thread may have held the lock.
        if hasattr(self, "_epoll") and self._owner == os.getpid():
            self.close()

    def _obey(self, orders: Iterable[Order]) -> None:
        for order in orders:
            if order is Order.TERMINATE:
                self._terminate()
            elif order is Order.KILL:
                self.process.signal_group(signal.SIGKILL)

    def _terminate(self) -> None:
        with self._lock:
            if not self._terminated:  # a second one is, to many programs, the order to drop everything
                self._terminated = True
                self.process.signal_group(signal.SIGTERM)
                self.process.signal_group(signal.SIGCONT)  # a stopped process would not see the other one

    # --- one method a descriptor ------------------------------------------------------------------------------------

    def _watch(self, fd: int, events: int, action: Callable[[], None]) -> None:
        self._epoll.register(fd, events)
        self._on_ready[fd] = action

    def _unwatch(self, fd: int) -> None:
        if self._on_ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _close(self, fd: int) -> None:
        self._unwatch(fd)
        self.process.close_fd(fd)

    def _write_definition(self) -> None:
        fd = self.process.stdin
        try:
            written = self.process.write_stdin(self._unwritten)
        except BlockingIOError:
            return
        except OSError:  # the child closed its end; how it goes on is its business
            written = len(self._unwritten)
        self._unwritten = self._unwritten[written:]
        if not self._unwritten:
            self._close(fd)

    def _read_stdout(self) -> None:
        self._see_cancel()  # its signal may have torn the last line, and the wake-up be seen later
        try:
            chunk = os.read(self.process.stdout, READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._take_stdout(chunk)
        else:
            self._stdout_ended()

    def _take_stdout(self, chunk: bytes) -> None:
        if self._inlet is None:
            self._deliver(self.session.feed(chunk))
        else:
            self._forward(self.stderr.feed(chunk))

    def _read_inlet(self) -> None:
        """One frame, as one chunk of a pipe."""
        assert self._inlet is not None
        frame = self._inlet.take()
        if frame is not None:
            self._deliver(self.session.feed(frame))
        else:
            self._see_idle_inlet()

    def _see_idle_inlet(self) -> None:
        """A child that is gone makes no more calls: when the last has ended, its messages have too."""
        if self.process.pidfd not in self._on_ready and self._inlet is not None and self._inlet.is_idle():
            self._unwatch(self._inlet_fd)
            self._see_closed_streams()

    def _read_stderr(self) -> None:
        try:
            chunk = os.read(self.process.stderr, READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._forward(self.stderr.feed(chunk))
        else:
            self._close(self.process.stderr)
            self._forward(self.stderr.finish())
            self._see_closed_streams()

    def _stdout_ended(self) -> None:
        self._close(self.process.stdout)
        if self._inlet is None:
            self._deliver(self.session.stream_ended())
        self._see_closed_streams()

    def _see_closed_streams(self) -> None:
        if self._on_ready.keys().isdisjoint((self.process.stdout, self.process.stderr, self._inlet_fd)):
            self._obey(self.session.streams_closed())

    def _see_exit(self) -> None:
        self._close(self.process.stdin)
        self._see_cancel()  # its signal may be seen to end the child before the wake-up is seen
        self._obey(self.session.exited(self.clock()))
        # It stays readable. Not before the session knows: when interrupted, all this is done again, or else the child
        # that is gone would be waited for until it counts as one that cannot be killed.
        self._unwatch(self.process.pidfd)
        self._see_idle_inlet()

    def _see_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        self._see_cancel()

    def _see_cancel(self) -> None:
        if self._cancelled_at is not None:
            self._obey(self.session.cancel(self._cancelled_at))

    def _drain_stdout(self) -> None:
        """What the pipe holds now, and no more: somebody outside the group may go on writing for ever."""
        fd = self.process.stdout
        left = fcntl(fd, F_GETPIPE_SZ) if fd in self._on_ready else 0  # asked now: a child may have enlarged it
        while fd in self._on_ready and left > 0:
            try:
                chunk = os.read(fd, READ_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            left -= len(chunk)
            self._take_stdout(chunk)
        if fd in self._on_ready:
            self._stdout_ended()

    def _drain_inlet(self) -> None:
        """What was acknowledged; from here on nothing more is."""
        if self._inlet is not None:
            self._unwatch(self._inlet_fd)
            self._inlet.close()
            while (frame := self._inlet.take()) is not None:
                self._deliver(self.session.feed(frame))
            self._deliver(self.session.stream_ended())

    def _drain_stderr(self) -> None:
        for _ in range(16):
            if self.process.stderr not in self._on_ready:
                break
            self._read_stderr()
        self._forward(self.stderr.finish())

    # --- handlers ---------------------------------------------------------------------------------------------------

    def _deliver(self, messages: Iterator[Message]) -> None:
        """Call the handlers of each message, in order, keeping an eye on the deadline between two of them."""
        if self.first_message is None and self.session.received:
            self.first_message = time.monotonic()
        self._delivery.deliver(messages, self.session, self._overdue)

    def _forward(self, lines: Iterator[str]) -> None:
        """Call who wants the lines of stderr, as handlers are called."""
        for line in lines:
            if self._delivery.is_open and self.stderr.forward is not None:
                try:
                    self.stderr.forward(line)
                except Exception as error:
                    self._delivery.record("stderr", self.stderr.line_number, error)
            if self.clock() >= self.session.deadline:
                self._overdue()

    def _overdue(self) -> None:
        """A deadline passed between two messages or lines.

        A child that is gone by now was in time; its handlers are behind.
        """
        if self.process.pidfd in self._on_ready and self.process.has_exited():
            self._see_exit()
        self._obey(self.session.tick(self.clock()))
