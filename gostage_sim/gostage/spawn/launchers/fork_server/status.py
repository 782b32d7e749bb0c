"""How a forked child ended: its server took the status and passes it on, as a number over a pipe."""

from __future__ import annotations

import os
import signal
import struct
import time

from gostage_sim.gostage.spawn.process import is_readable, is_reaped, signal_name, status_of_child
from gostage_sim.gostage.spawn.session import ExitStatus

NUMBER = struct.Struct("q")
"""What comes over the pipe: the child's pid, and once it is gone its exit code, or its signal's number negative."""
PASS_ON_S = 2.0
"""How long the server may take to pass a status on; it does nothing else that takes time."""
REPARENT_S = 0.5
"""How long an orphan's new parent may take to take the status."""


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
        if not is_readable(pidfd, 0):
            return ExitStatus(None, None)
        code = read_number(self._fd, time.monotonic() + PASS_ON_S)
        if code is not None and 0 <= code <= 255:
            return ExitStatus(code, None)
        if code is not None and 0 < -code < signal.NSIG:
            return ExitStatus(None, signal_name(-code))
        return _status_of_orphan(pidfd)


def _status_of_orphan(pidfd: int) -> ExitStatus:
    """The server is gone. This program is the new parent if it is a sub-reaper; else the pidfd may remember."""
    status = status_of_child(pidfd)
    if status == ExitStatus(None, None) and is_reaped(pidfd, REPARENT_S):
        return status_of_child(pidfd)
    return status
