"""A child process with everything that belongs to it, acquired and released as one.

Own session and process group, three pipes, a pidfd, and the lifeline: a pipe of which only the parent holds the writing
end. When the parent dies in whatever way, the kernel closes that end and sends SIGKILL to the child's process group
(`F_SETOWN`, `F_SETSIG`, `O_ASYNC` on the reading end, see fcntl(2)). It needs no code in the child, no thread and no
GIL, and unlike `PR_SET_PDEATHSIG` it does not fire when merely the thread that forked ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import struct
import subprocess
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from threading import RLock

from gostage_sim.gostage.spawn.options import ResourceLimits, SpawnOptions
from gostage_sim.gostage.spawn.session import ExitStatus

DEPTH_VARIABLE = "GOSTAGE_SPAWN_DEPTH"
PIPE_BYTES = 256 * 1024
"""Room in the pipe from the child: fewer switches between the two than with the default of 64 KiB."""


class Process:
    """A running child. Descriptors belong to this object; `close()` returns them all."""

    def __init__(self, argv: Sequence[str], options: SpawnOptions, environment: dict[str, str]) -> None:
        self._open: set[int] = set()
        self._reaped: ExitStatus | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._lock = RLock()  # signals come from other threads too, and must not meet the number's next owner
        with ExitStack() as stack:
            stack.callback(self.close)

            def pipe() -> tuple[int, int]:
                self._open.update(ends := os.pipe())
                return ends

            child_stdin, self.stdin = pipe()
            self.stdout, child_stdout = pipe()
            self.stderr, child_stderr = pipe()
            lifeline_end, self.lifeline = pipe()
            with contextlib.suppress(OSError):  # over the user's pipe quota; the default size works as well
                fcntl.fcntl(self.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            for end in (self.stdin, self.stdout, self.stderr):
                os.set_blocking(end, False)
            stack.callback(self._kill_and_reap)
            self._popen = subprocess.Popen(
                argv,
                stdin=child_stdin,
                stdout=child_stdout,
                stderr=child_stderr,
                pass_fds=(lifeline_end,),
                start_new_session=True,
                cwd=options.cwd,
                env=environment,
            )
            self.pid = self._popen.pid
            try:
                _tie(lifeline_end, self.pid)
                self.pidfd = os.pidfd_open(self.pid)
                self._open.add(self.pidfd)
                _set_limits(self.pid, options.limits)
            except ProcessLookupError:
                self._was_reaped()
            for end in (child_stdin, child_stdout, child_stderr, lifeline_end):
                self.close_fd(end)
            stack.pop_all()

    def _was_reaped(self) -> None:
        """It ran, ended and was reaped already: this program ignores SIGCHLD, or waits for every child.

        What it wrote is in the pipes. An event that has happened stands in for the pidfd that cannot be had any more.
        """
        if not hasattr(self, "pidfd"):
            self.pidfd = os.eventfd(1, os.EFD_CLOEXEC)
            self._open.add(self.pidfd)
            self._reaped = ExitStatus(None, None)
        if self._popen is not None:
            self._popen.returncode = 0

    def write_stdin(self, data: memoryview) -> int:
        """What fits of `data` now, as os.write. A child that closed its stdin cannot raise SIGPIPE in this program.

        Python ignores that signal, but a program that gave it its default back, as filters do, would die of it.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        try:
            return os.write(self.stdin, data)
        except BrokenPipeError:
            signal.sigtimedwait({signal.SIGPIPE}, 0)  # it is pending, even where it is ignored: take it
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def signal_group(self, signum: int) -> None:
        """Send to the child and whoever is in its process group; nothing when all are gone.

        Only before `reap()`: until then the zombie keeps the group's number from being given to somebody else.
        """
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._reaped is None:
                os.killpg(self.pid, signum)

    def has_exited(self) -> bool:
        """Whether it is gone; its status may still have to be taken."""
        return _wait_for_exit(self.pidfd, 0)

    def reap(self) -> ExitStatus:
        """Take the exit status, once. Neither code nor signal when it is not to be had.

        That is: it is still running, or somebody else took it and the kernel is older than 6.15.
        """
        with self._lock:
            if self._reaped is None:
                self._reaped = self._take_status()
                if self._popen is not None:
                    self._popen.returncode = 0  # or Popen would wait for it, and for who has the number next
            return self._reaped

    def _take_status(self) -> ExitStatus:
        try:
            status = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # SIGCHLD is ignored in this program, or it waits for every child
            return _status_of_reaped(self.pidfd)
        if status is None:
            return ExitStatus(None, None)
        if status.si_code == os.CLD_EXITED:
            return ExitStatus(status.si_status, None)
        return ExitStatus(None, signal_name(status.si_status))

    def close_fd(self, fd: int) -> None:
        """Close one of the descriptors before the others; nothing when it is closed already."""
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)

    def close(self) -> None:
        """Return every descriptor. The lifeline goes too: whoever is left in the group is killed."""
        for fd in list(self._open):
            self.close_fd(fd)

    def __del__(self) -> None:
        """End a child that nobody waits for: forgotten, or its owner was interrupted before it could keep it."""
        if getattr(self, "_open", None) and hasattr(self, "pidfd") and self._reaped is None:
            warnings.warn(f"child {self.pid} was never waited for and is ended", ResourceWarning, 2, source=self)
            self.signal_group(signal.SIGKILL)
            _wait_for_exit(self.pidfd, 1000)
            self.reap()
        if getattr(self, "_open", None):
            self.close()

    def _kill_and_reap(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()


def _tie(lifeline_end: int, pid: int) -> None:
    """Let the kernel send SIGKILL to the group when the other end of the lifeline is closed."""
    fcntl.fcntl(lifeline_end, fcntl.F_SETOWN, -pid)
    fcntl.fcntl(lifeline_end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline_end, fcntl.F_SETFL, fcntl.fcntl(lifeline_end, fcntl.F_GETFL) | os.O_ASYNC)


def _wait_for_exit(pidfd: int, timeout_ms: int) -> bool:
    ended = select.poll()  # select() cannot take descriptors over 1023
    ended.register(pidfd, select.POLLIN)
    return bool(ended.poll(timeout_ms))


_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(PIDFS_IOCTL_MAGIC, 11, 64 bytes); include/uapi/linux/pidfd.h
_PIDFD_INFO_EXIT = 1 << 3


def _status_of_reaped(pidfd: int) -> ExitStatus:
    """What the pidfd itself remembers of an exit that somebody else took; since Linux 6.15."""
    info = bytearray(struct.pack("Q56x", _PIDFD_INFO_EXIT))
    with contextlib.suppress(OSError):
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
        mask, status = struct.unpack("Q52xi", info)
        if mask & _PIDFD_INFO_EXIT:
            code = os.waitstatus_to_exitcode(status)
            return ExitStatus(code, None) if code >= 0 else ExitStatus(None, signal_name(-code))
    return ExitStatus(None, None)


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; `SIG64` for a real-time signal without a name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def child_environment(options: SpawnOptions, depth: int) -> dict[str, str]:
    """What the child sees of the environment: the inherited names, what the options set, and how deep it is."""
    exact = {name for name in options.inherit if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in options.inherit if name.endswith("*"))
    inherited = {
        name: value for name, value in os.environ.items() if name in exact or (prefixes and name.startswith(prefixes))
    }
    return {**inherited, **options.environment, DEPTH_VARIABLE: str(depth)}


def _set_limits(pid: int, limits: ResourceLimits) -> None:
    """By prlimit(2) on the running child, which cannot do anything yet: its definition has not been written."""
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        # Hard above soft: with both equal the kernel sends SIGKILL at once, and nobody sees which limit it was.
        (resource.RLIMIT_CPU, limits.cpu_s, None if limits.cpu_s is None else limits.cpu_s + 1),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_size_bytes, limits.file_size_bytes),
    ):
        if soft is not None and hard is not None:
            resource.prlimit(pid, kind, (soft, hard))
