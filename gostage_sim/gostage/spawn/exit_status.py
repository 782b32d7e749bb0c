"""How a process ended, asked of the kernel; also of one whose status somebody else in this program took."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct

from gostage_sim.gostage.spawn.result import ResourceUsage
from gostage_sim.gostage.spawn.session import ExitStatus


def status_of_child(pidfd: int) -> ExitStatus:
    """Take the exit status of a child of this process, and what it used."""
    try:
        seen = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return ExitStatus(None, None)
        # Only wait4 tells what it used, and it takes a number. That is the child's own as long as the zombie is ours.
        _, status, used = os.wait4(seen.si_pid, os.WNOHANG)
    except ChildProcessError:  # SIGCHLD is ignored in this program, or it waits for every child
        return _status_of_reaped(pidfd)
    return exit_status(status, ResourceUsage(used.ru_utime, used.ru_stime, used.ru_maxrss * 1024))


def exit_status(status: int, usage: ResourceUsage | None = None) -> ExitStatus:
    """From the number that wait(2) gives."""
    code = os.waitstatus_to_exitcode(status)
    return ExitStatus(code, None, usage) if code >= 0 else ExitStatus(None, signal_name(-code), usage)


_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(PIDFS_IOCTL_MAGIC, 11, 64 bytes); include/uapi/linux/pidfd.h
_PIDFD_INFO_EXIT = 1 << 3
_REAPED_WITHIN_S = 1.0


def _status_of_reaped(pidfd: int) -> ExitStatus:
    """What the pidfd itself remembers of an exit that somebody else took; since Linux 6.15.

    A process that the kernel reaps itself is seen to be gone a moment before it is reaped, and only then remembered.
    """
    with contextlib.suppress(OSError):
        status = _remembered(pidfd)
        if status is None:
            reaped = select.poll()
            reaped.register(pidfd, select.POLLHUP)
            reaped.poll(_REAPED_WITHIN_S * 1000)
            status = _remembered(pidfd)
        if status is not None:
            return exit_status(status)
    return ExitStatus(None, None)


def _remembered(pidfd: int) -> int | None:
    info = bytearray(struct.pack("Q56x", _PIDFD_INFO_EXIT))
    fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    mask, status = struct.unpack("Q52xi", info)
    return status if mask & _PIDFD_INFO_EXIT else None


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; `SIG64` for a real-time signal without a name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
