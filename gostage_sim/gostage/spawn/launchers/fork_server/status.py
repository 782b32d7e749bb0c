"""How a forked child ended: its server took the status and passes it on, as a number over a pipe."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time

from gostage_sim.gostage.spawn.exit_status import exit_status, signal_name, status_of_child
from gostage_sim.gostage.spawn.readiness import is_hung_up, is_readable
from gostage_sim.gostage.spawn.session import ExitStatus

NUMBER = struct.Struct("q")
"""What comes over the pipe: the child's pid, and once it is gone its exit code, or its signal's number negative."""
PASS_ON_S = 2.0
"""How long the server may take to pass a status on; it does nothing else that takes time."""
REPARENT_S = 0.5
"""How long an orphan's new parent may take to take the status."""
UNKNOWN = ExitStatus(None, None)


def read_number(fd: int, deadline: float) -> int | None:
    """The next number, eight bytes and no more; None at the end, and when it does not come in time."""
    os.set_blocking(fd, False)
    if not is_readable(fd, deadline - time.monotonic()):
        return None
    data = os.read(fd, NUMBER.size)  # a pipe tears no write that is this small
    if len(data) != NUMBER.size:
        return None
    (number,) = NUMBER.unpack(data)
    return int(number)


class ForkedStatus:
    """Takes the status of one child."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __call__(self, pidfd: int) -> ExitStatus:
        """The kernel's word before the server's, where the kernel can be asked: a child may have reached the pipe."""
        if not is_readable(pidfd, 0):
            return UNKNOWN
        number = read_number(self._fd, time.monotonic() + PASS_ON_S)  # comes when the server has taken the status
        status = status_of_child(pidfd)  # ours when the server is gone and this is a sub-reaper; or the pidfd remembers
        if status == UNKNOWN:
            status = _status_of_zombie(pidfd)
        if status == UNKNOWN:
            status = status_of_number(number)
        if status == UNKNOWN and is_hung_up(pidfd, REPARENT_S):
            status = status_of_child(pidfd)
        return status


def status_of_number(number: int | None) -> ExitStatus:
    """What the server says; UNKNOWN for what no server says."""
    if number is None or not -signal.NSIG < number <= 255:
        return UNKNOWN
    return ExitStatus(number, None) if number >= 0 else ExitStatus(None, signal_name(-number))


def _status_of_zombie(pidfd: int) -> ExitStatus:
    """From the last field of its `stat` (see proc(5)), which the kernel shows as 0 to those it does not trust."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/self/fdinfo/{pidfd}") as info:
            pid = next(int(line.split()[1]) for line in info if line.startswith("Pid:"))
        if os.geteuid() in (0, os.stat(f"/proc/{pid}").st_uid):
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if fields[0] == b"Z":
                return exit_status(int(fields[-1]))
    return UNKNOWN
