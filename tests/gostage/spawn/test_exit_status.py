"""The exit status of a child that somebody else reaps."""

from __future__ import annotations

import os
import platform
import select
import threading

import pytest

from gostage_sim.gostage.spawn.exit_status import status_of_child
from gostage_sim.gostage.spawn.session import ExitStatus

LINUX = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))


@pytest.mark.skipif(LINUX < (6, 15), reason="the kernel remembers no exit status before Linux 6.15")
def test_a_child_that_is_about_to_be_reaped_by_somebody_else_has_its_status() -> None:
    """A child of another process is gone, but not reaped yet; its status is waited for, and not given up."""
    go_read, go = os.pipe()
    pid_read, pid_write = os.pipe()
    reaper = os.fork()
    if reaper == 0:
        child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {})
        os.write(pid_write, str(child).encode())
        os.read(go_read, 1)
        os.waitpid(child, 0)
        os._exit(0)
    pidfd = os.pidfd_open(int(os.read(pid_read, 16)))
    select.select([pidfd], [], [])
    seen: list[ExitStatus] = []
    asking = threading.Thread(target=lambda: seen.append(status_of_child(pidfd)))
    asking.start()
    asking.join(0.05)  # who does not wait for the status is done by then
    os.write(go, b"!")
    asking.join()
    os.waitpid(reaper, 0)
    for fd in (go_read, go, pid_read, pid_write, pidfd):
        os.close(fd)
    assert seen == [ExitStatus(3, None)]
