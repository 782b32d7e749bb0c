"""A child process with everything that belongs to it, acquired and released as one.

Own session and process group, three pipes, a pidfd, and the lifeline: a pipe of which only the parent holds the writing
end. When the parent dies in whatever way, the kernel closes that end and sends SIGKILL to the child's process group
(`F_SETOWN`, `F_SETSIG`, `O_ASYNC` on the reading end, see fcntl(2)). It needs no code in the child, no thread and no
GIL, and unlike `PR_SET_PDEATHSIG` it does not fire when merely the thread that forked ends.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gostage_sim.gostage.spawn.cgroup import Group
from gostage_sim.gostage.spawn.readiness import is_readable
from gostage_sim.gostage.spawn.session import ExitStatus

if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.family import Family

PIPE_BYTES = 256 * 1024
"""Room in the pipe from the child: fewer switches between the two than with the default of 64 KiB."""


_not_for_forks: set[int] = set()


def keep_from_forks(fd: int) -> None:
    """Let a process that is forked from this one close its copy at once; `close_kept` closes ours.

    A worker that the application forks would hold the lifeline and the child's stdin: their child would not see the
    parent die, nor its definition end.
    """
    _not_for_forks.add(fd)


def close_kept(fd: int) -> None:
    """Close a descriptor that was kept from forks, which its number no longer is."""
    _not_for_forks.discard(fd)
    os.close(fd)


def _close_in_fork() -> None:
    """Takes no lock: the thread that holds it does not exist in the fork."""
    while _not_for_forks:
        with contextlib.suppress(OSError):
            os.close(_not_for_forks.pop())


os.register_at_fork(after_in_child=_close_in_fork)


def open_pipe() -> tuple[int, int]:
    """A pipe, neither end of which is 0, 1 or 2; both are closed on exec.

    In a program that has closed those, what the C library or a careless dup2 writes would go into the child's pipes,
    and the child's own 0, 1 and 2 would be made out of each other.
    """
    ends = list(os.pipe())
    try:
        for index, end in enumerate(ends):
            if end <= 2:
                ends[index] = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3)
                os.close(end)
    except OSError:
        for end in ends:
            os.close(end)
        raise
    return ends[0], ends[1]


class Pipes:
    """The pipes between a parent and the child it is about to start: `child_…` are the child's ends.

    A context manager: at its end the child's ends are closed here, and after an error all of them.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        try:
            self.child_stdin, self.stdin = self._pipe()
            self.stdout, self.child_stdout = self._pipe()
            self.stderr, self.child_stderr = self._pipe()
            self.child_lifeline, self.lifeline = self._pipe()
            with contextlib.suppress(OSError):  # over the user's pipe quota; the default size works as well
                fcntl.fcntl(self.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            for end in (self.stdin, self.stdout, self.stderr):
                os.set_blocking(end, False)
        except BaseException:
            self._close(self._open)
            raise

    def tie(self, pid: int) -> None:
        """Let the kernel send SIGKILL to the child's group when our end of the lifeline is closed."""
        tie(self.child_lifeline, pid)

    def parents_ends(self) -> set[int]:
        return {self.stdin, self.stdout, self.stderr, self.lifeline}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._close(self._open if kind is not None else self._open - self.parents_ends())

    def _pipe(self) -> tuple[int, int]:
        self._open.update(ends := open_pipe())
        for end in ends:
            keep_from_forks(end)
        return ends

    def _close(self, fds: set[int]) -> None:
        for fd in list(fds):
            self._open.discard(fd)
            close_kept(fd)


def tie(lifeline: int, group: int) -> None:
    """Let the kernel send SIGKILL to a process group when the last writing end of this pipe is closed."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -group)
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


@contextlib.contextmanager
def no_sigpipe() -> Iterator[None]:
    """For a write to somebody who may be gone: BrokenPipeError, and never SIGPIPE.

    Python ignores that signal, but a program that gave it its default back, as filters do, would die of it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        yield
    except BrokenPipeError:
        signal.sigtimedwait({signal.SIGPIPE}, 0)  # it is pending, even where it is ignored: take it
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Process:
    """A running child. Descriptors belong to this object; `close()` returns them all.

    They, and the child, stay with the process that started it: in one that is forked from that, `is_ours` is false, the
    descriptors are closed already, and no method does anything.

    `pidfd` is None for a child that was gone and reaped before it could be had: this program ignores SIGCHLD, or waits
    for every child. What such a child wrote is in the pipes, and an event that has happened stands in for its pidfd.
    `take_status(pidfd)` takes the exit status from whoever has it, once the child is gone; `also` are descriptors that
    it needs for that. `family` ends its descendants; `group` is the control group that it is in.
    """

    def __init__(
        self,
        pid: int,
        pidfd: int | None,
        pipes: Pipes,
        take_status: Callable[[int], ExitStatus],
        *,
        also: Iterable[int] = (),
        family: Family | None = None,
        group: Group | None = None,
    ) -> None:
        self.pid = pid
        self._owner = os.getpid()
        self.stdin, self.stdout, self.stderr = pipes.stdin, pipes.stdout, pipes.stderr
        self._take_status = take_status
        self._family, self._group = family, group
        self._lock = RLock()  # signals come from other threads too, and must not meet the number's next owner
        self._reaped = ExitStatus(None, None) if pidfd is None else None
        self.pidfd = os.eventfd(1, os.EFD_CLOEXEC) if pidfd is None else pidfd
        self._open = {*pipes.parents_ends(), *also, self.pidfd}
        for fd in self._open:
            keep_from_forks(fd)
        _open_processes[id(self)] = weakref.ref(self)

    @property
    def is_ours(self) -> bool:
        """Whether this process started the child; false in a fork of the one that did."""
        return self._owner == os.getpid()

    @property
    def is_closed(self) -> bool:
        """Whether every descriptor was returned."""
        return not self._open

    def write_stdin(self, data: memoryview) -> int:
        """What fits of `data` now, as os.write; BrokenPipeError when the child closed its stdin."""
        with no_sigpipe():
            return os.write(self.stdin, data)

    def signal_group(self, signum: int) -> None:
        """Send to the child and whoever is in its process group; nothing when all are gone.

        Only before `reap()`: until then the zombie keeps the group's number from being given to somebody else. Of a
        fork server's child it does not, because the server takes the zombie; the pidfd means nobody else even then.
        """
        if not self.is_ours:
            return
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._reaped is None:
                _signal_group(self.pidfd, self.pid, signum)

    def end_descendants(self) -> None:
        """SIGKILL to who left the process group, where that was asked for; a control group ends the rest with it."""
        if self._family is not None:
            self._family.end()

    def end(self) -> None:
        """SIGKILL to everybody that is the child's; returns when it is gone, or a second is over."""
        self.signal_group(signal.SIGKILL)
        is_readable(self.pidfd, 1)
        self.end_descendants()

    def has_exited(self) -> bool:
        """Whether it is gone; its status may still have to be taken."""
        return is_readable(self.pidfd, 0)

    def reap(self) -> ExitStatus:
        """Take the exit status, once. Neither code nor signal when it is not to be had.

        That is: it is still running, or somebody else took it and the kernel is older than 6.15.
        """
        with self._lock:
            if self._reaped is None:
                self._reaped = self._with_memory(self._take_status(self.pidfd))
            return self._reaped

    def _with_memory(self, status: ExitStatus) -> ExitStatus:
        """With what the control group has counted."""
        if self._group is None or status.usage is None:
            return status
        usage = replace(status.usage, peak_memory_bytes=self._group.peak_bytes(), oom_kills=self._group.oom_kills())
        return replace(status, usage=usage)

    def close_fd(self, fd: int) -> None:
        """Close one of the descriptors before the others; nothing when it is closed already."""
        if fd in self._open:
            self._open.remove(fd)
            close_kept(fd)

    def close(self) -> None:
        """Return every descriptor. The lifeline goes too: whoever is left in the group is killed."""
        _open_processes.pop(id(self), None)
        for fd in list(self._open):
            self.close_fd(fd)
        self._let_go()

    def _let_go(self) -> None:
        family, self._family = self._family, None
        if family is not None:
            family.close()
        group, self._group = self._group, None
        if group is not None:
            group.remove()

    def __del__(self) -> None:
        """End a child that nobody waits for: forgotten, or its owner was interrupted before it could keep it."""
        if not getattr(self, "_open", None) or not self.is_ours or sys.is_finalizing():
            return
        forgotten = hasattr(self, "pidfd") and self._reaped is None
        if forgotten:
            self.end()
            self.reap()
        self.close()
        if forgotten:  # last, for a warning may be an error here
            warnings.warn(f"child {self.pid} was never waited for and is ended", ResourceWarning, 2, source=self)


_open_processes: dict[int, weakref.ref[Process]] = {}


@atexit.register
def _end_all() -> None:
    """At the end of the program, where nobody waits for them any more: a `__del__` comes too late, when the interpreter
    can neither open a file nor import. The rest goes with the program."""
    for known in list(_open_processes.values()):
        process = known()
        if process is not None and process.is_ours and process._reaped is None:
            process.end()
            process._let_go()


_PIDFD_SIGNAL_PROCESS_GROUP = 1 << 2  # include/uapi/linux/pidfd.h


def _signal_group(pidfd: int, pid: int, signum: int) -> None:
    """To the process group that the process leads, or to the process alone as long as it leads none."""
    try:
        signal.pidfd_send_signal(pidfd, signum, None, _PIDFD_SIGNAL_PROCESS_GROUP)
    except ProcessLookupError:
        signal.pidfd_send_signal(pidfd, signum)  # a fork server's child that has just begun
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        os.killpg(pid, signum)  # older than Linux 6.9
