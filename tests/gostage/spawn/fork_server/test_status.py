"""The status pipe: fixed-size numbers, whatever somebody wrote into it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from gostage_sim.gostage.spawn.launchers.fork_server.status import (
    NUMBER,
    UNKNOWN,
    ForkedStatus,
    read_number,
    status_of_number,
)
from gostage_sim.gostage.spawn.session import ExitStatus


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (NUMBER.pack(7), 7),
        (NUMBER.pack(-9) + b"and more", -9),
        (b"\xff" * 8, -1),
        (b"short", None),
        (b"", None),
    ],
)
def test_read_number(data: bytes, number: int | None) -> None:
    """Eight bytes are a number; fewer are none, and more are left alone."""
    ours, theirs = os.pipe()
    os.write(theirs, data)
    os.close(theirs)
    assert read_number(ours, time.monotonic() + 5) == number
    os.close(ours)


def test_a_number_that_does_not_come() -> None:
    """Reading is bounded in time."""
    ours, theirs = os.pipe()
    assert read_number(ours, time.monotonic() + 0.01) is None
    os.close(theirs)
    os.close(ours)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, ExitStatus(0, None)),
        (255, ExitStatus(255, None)),
        (-11, ExitStatus(None, "SIGSEGV")),
        (-40, ExitStatus(None, "SIG40")),
        (256, UNKNOWN),
        (-65, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_status_of_number(number: int | None, status: ExitStatus) -> None:
    """A number that no process can have ended with says nothing."""
    assert status_of_number(number) == status


@pytest.mark.parametrize("data", [NUMBER.pack(0), NUMBER.pack(-11), b"\x80\x05}.", b""])
def test_the_kernels_word_goes_first(data: bytes) -> None:
    """Whatever is in the pipe, a child that left with 5 left with 5."""
    child = subprocess.Popen([sys.executable, "-S", "-c", "import os; os._exit(5)"])
    pidfd = os.pidfd_open(child.pid)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    ours, theirs = os.pipe()
    os.write(theirs, data)
    os.close(theirs)
    status = ForkedStatus(ours)(pidfd)
    os.close(ours)
    os.close(pidfd)
    child.wait()
    assert (status.exit_code, status.signal) == (5, None)


@pytest.mark.parametrize(("code", "status"), [("os._exit(5)", (5, None)), ("os.abort()", (None, "SIGABRT"))])
def test_a_zombie_of_somebody_else(code: str, status: tuple[int | None, str | None]) -> None:
    """The status of a zombie that is not our child, and that nobody takes, is known all the same."""
    program = (
        f"import os, signal\npid = os.fork()\nif pid == 0: {code}\n"
        "os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nprint(pid, flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
        ours, theirs = os.pipe()
        os.close(theirs)
        assert ForkedStatus(ours)(pidfd) == ExitStatus(*status)
        os.close(ours)
        os.close(pidfd)
        parent.kill()


def test_no_status_of_a_child_that_runs() -> None:
    """A child that could not be ended has neither code nor signal, and nobody waits for it."""
    child = subprocess.Popen(["sleep", "1000"])
    pidfd = os.pidfd_open(child.pid)
    assert ForkedStatus(-1)(pidfd) == UNKNOWN
    os.close(pidfd)
    child.kill()
    child.wait()
