"""How a child ended, by the kernel's word, whoever has reaped it."""

from __future__ import annotations

import fcntl
import os
import platform
import select
import sys
import threading

import pytest

from gostage_sim.gostage.spawn import exit_status as module
from gostage_sim.gostage.spawn.exit_status import exit_status, signal_name, status_of_child
from gostage_sim.gostage.spawn.result import ResourceUsage
from gostage_sim.gostage.spawn.session import ExitStatus

LINUX = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))


@pytest.mark.parametrize("usage", [None, ResourceUsage(1.0, 2.0, 3)])
@pytest.mark.parametrize(
    ("status", "exit_code", "name"),
    [(0, 0, None), (3 << 8, 3, None), (255 << 8, 255, None), (11, None, "SIGSEGV"), (9 | 0x80, None, "SIGKILL")],
)
def test_the_number_of_wait(status: int, exit_code: int | None, name: str | None, usage: ResourceUsage | None) -> None:
    """An exit code or the name of a signal, with or without a core dump, and what was used beside it."""
    assert exit_status(status, usage) == ExitStatus(exit_code, name, usage)


def test_a_signal_without_a_name() -> None:
    """Real-time signals between the first and the last have none; they are called by their number."""
    assert [signal_name(number) for number in (6, 40)] == ["SIGABRT", "SIG40"]


def test_what_a_child_used() -> None:
    """Its own CPU time in user code and in the kernel, and the most memory that it had, in bytes, not in kilobytes."""
    said_read, said = os.pipe()
    os.set_inheritable(said, True)
    code = (
        "import os, resource, sys\nwhile os.times().user < 0.05: pass\n"
        "while os.times().system < 0.05: os.urandom(1 << 20)\nheld = b'x' * (32 << 20)\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "os.write(int(sys.argv[1]), b'%f %f %d' % (used.ru_utime, used.ru_stime, used.ru_maxrss))\nos._exit(3)\n"
    )
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", code, str(said)], {})
    os.close(said)
    pidfd = os.pidfd_open(pid)
    select.select([pidfd], [], [])
    user_s, system_s, kilobytes = os.read(said_read, 99).split()
    status = status_of_child(pidfd)
    for fd in (said_read, pidfd):
        os.close(fd)
    assert (status.exit_code, status.signal) == (3, None)
    assert status.usage is not None
    assert float(user_s) <= round(status.usage.user_s, 6)
    assert float(system_s) <= round(status.usage.system_s, 6)
    assert status.usage.user_s > 0.04 < status.usage.system_s  # none of the two is the other, or nothing
    assert int(kilobytes) * 1024 <= status.usage.max_rss_bytes < int(kilobytes) * 1536
    assert status.usage.max_rss_bytes % 1024 == 0


def test_a_child_that_runs_has_no_status_and_keeps_it() -> None:
    """Whoever asks too early is not kept waiting, and takes nothing away."""
    held, hold = os.pipe()
    pid = os.posix_spawn(
        "/bin/sh", ["sh", "-c", "read line; kill -SEGV $$"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, held, 0)]
    )
    pidfd = os.pidfd_open(pid)
    early = status_of_child(pidfd)
    os.write(hold, b"\n")
    select.select([pidfd], [], [])
    late = status_of_child(pidfd)
    for fd in (held, hold, pidfd):
        os.close(fd)
    assert early == ExitStatus(None, None)
    assert (late.exit_code, late.signal) == (None, "SIGSEGV")


def test_a_status_that_nobody_takes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of another process that is gone and stays a zombie: after a while its end is unknown."""
    monkeypatch.setattr(module, "_REAPED_WITHIN_S", 0.01)
    go_read, go = os.pipe()
    pid_read, pid_write = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.write(pid_write, str(os.posix_spawn("/bin/true", ["true"], {})).encode())
        os.read(go_read, 1)
        os._exit(0)
    pidfd = os.pidfd_open(int(os.read(pid_read, 16)))
    select.select([pidfd], [], [])
    seen = status_of_child(pidfd)
    os.write(go, b"!")
    os.waitpid(parent, 0)
    for fd in (go_read, go, pid_read, pid_write, pidfd):
        os.close(fd)
    assert seen == ExitStatus(None, None)


def test_a_kernel_that_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 6.15 it does not know the question; then the end of a child that somebody else took is unknown."""

    def refuse(*arguments: object) -> int:
        raise OSError(25, os.strerror(25))

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    pid = os.posix_spawn("/bin/true", ["true"], {})
    pidfd = os.pidfd_open(pid)
    os.waitpid(pid, 0)
    seen = status_of_child(pidfd)
    os.close(pidfd)
    assert seen == ExitStatus(None, None)


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
