"""What the kernel says of real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gostage_sim.harness import proc
from gostage_sim.history.model import Resources


@contextmanager
def python(program: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed a line; it is gone at the end."""
    process = subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    with process.stdout, process.stdin:
        process.stdout.readline()
        yield process
        process.kill()
        process.wait()


WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"

TWO_BELOW = f"""
import subprocess, sys
below = subprocess.Popen([sys.executable, "-c", {WAITS!r}], stdout=-1)
below.stdout.readline()
print(below.pid, flush=True)
sys.stdin.read()
"""


def test_a_stopped_process_is_seen_in_state_t() -> None:
    """`wait_for_state` sees what SIGSTOP does, and gives up on what does not happen."""
    with python(WAITS) as process:
        assert not proc.wait_for_state(process.pid, "T", 0.01)
        process.send_signal(signal.SIGSTOP)
        assert proc.wait_for_state(process.pid, "T", 5)


WRITES = "import os; os.write(1, b'\\n'); os.write({fd}, b'x' * {size})"


def test_a_process_asleep_in_the_write_of_a_pipe_is_seen() -> None:
    """`wait_for_write` tells the size of the write, whichever thread is in it."""
    in_thread = "import threading; " + WRITES.replace("os.write({fd}", "threading.Thread(target=os.write, args=({fd}")
    for program in (WRITES, in_thread + ").start()"):
        with python(program.format(fd=1, size=5_000_000)) as process:
            assert proc.wait_for_write(process.pid, 5) == 5_000_000


def test_who_sleeps_elsewhere_is_in_no_write() -> None:
    """Neither in a read, nor in a write to anything but a pipe, nor when there is no process any more."""
    full_socket = "import os, socket; s = socket.socketpair(); fd = s[0].fileno(); " + WRITES
    for program in (WAITS, full_socket.replace("{fd}", "fd").format(size=5_000_000)):
        with python(program) as process:
            assert proc.wait_for_state(process.pid, "S", 5)
            assert proc.wait_for_write(process.pid, 0.01) is None
    assert proc.wait_for_write(process.pid, 5) is None


def test_a_process_that_is_not_there_has_no_stat() -> None:
    """None instead of an error: processes go at any time."""
    with python(WAITS) as process:
        pass
    assert proc.stat(process.pid) is None
    assert not proc.wait_for_state(process.pid, "T", 5)


def test_a_name_with_parentheses_does_not_confuse() -> None:
    """The name in `/proc/PID/stat` is the process's own choice."""
    with python(f"import ctypes; ctypes.CDLL(None).prctl(15, b') R (x'); {WAITS}") as process:
        seen = proc.stat(process.pid)
        assert seen is not None
        assert (seen.name, seen.parent) == (") R (x", os.getpid())


def test_descendants_are_all_below_and_nobody_ignored() -> None:
    """Children and grandchildren are found; an ignored process hides what is below it."""
    with python(TWO_BELOW) as process:
        below = {found.pid for found in proc.descendants(os.getpid())}
        assert process.pid in below
        assert len({found.pid for found in proc.descendants(process.pid)}) == 1
        assert len({found.pid for found in proc.descendants(os.getpid(), {process.pid})} & below) == len(below) - 2


@pytest.mark.parametrize(
    ("program", "expected"),
    [("sys.exit(7)", (7, None)), ("os.kill(os.getpid(), 11)", (None, "SIGSEGV"))],
)
def test_the_exit_of_a_stranger_is_known_after_its_parent_reaped_it(
    program: str, expected: tuple[int | None, str | None]
) -> None:
    """`PIDFD_GET_INFO` tells how a process ended to whoever holds a pidfd, parent or not."""
    process = subprocess.Popen([sys.executable, "-c", f"import os, sys; input(); {program}"], stdin=-1)
    assert process.stdin is not None
    pidfd = os.pidfd_open(process.pid)
    try:
        assert proc.exit_of(pidfd) is None
        with process.stdin:
            process.stdin.write(b"\n")
        process.wait()
        end = proc.exit_of(pidfd)
    finally:
        os.close(pidfd)
    if end is None:
        pytest.skip("this kernel tells the exit of a process only to its parent (before Linux 6.15)")
    assert (end.exit_code, end.signal, end.source) == (*expected, "pidfd")


def test_resources_rise_and_fall_with_what_a_process_holds(tmp_path: Path) -> None:
    """Files, sockets, threads, memory, processes and temporary files are counted by kind."""
    program = """
import socket, sys, threading
print(flush=True)
input()
kept = [open("/dev/null"), *socket.socketpair()]
threading.Thread(target=sys.stdin.read).start()
memory = bytearray(30 << 20)
print(flush=True)
"""
    with python(program) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        below = frozenset(found.pid for found in proc.descendants(os.getpid())) - {process.pid}

        def count() -> Resources:
            found = proc.resources(process.pid, reaper=os.getpid(), ignored=below, temp=tmp_path)
            assert found is not None
            return found

        before = count()
        (tmp_path / "file").touch()
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        with python(WAITS):
            after = count()
    assert (after.fds, after.sockets) == (before.fds + 3, before.sockets + 2)
    assert (after.threads, after.temp_files, after.processes) == (before.threads + 1, 1, before.processes + 1)
    assert after.rss_anon_bytes - before.rss_anon_bytes >= 29 << 20
    assert proc.resources(process.pid, reaper=os.getpid(), ignored=below, temp=tmp_path) is None


def test_a_subreaper_inherits_orphans() -> None:
    """What a dead process leaves behind becomes a child of the observer, which can reap it."""
    was_before = proc.become_subreaper()
    try:
        with python(TWO_BELOW) as process:
            (below,) = proc.children(process.pid)
            process.kill()
            process.wait()
            assert below in proc.children(os.getpid())
            os.kill(below, signal.SIGKILL)
            os.waitid(os.P_PID, below, os.WEXITED | os.WNOWAIT)
            end = proc.reap(below)
    finally:
        if not was_before:
            proc.stop_being_subreaper()
    assert end is not None
    assert (end.exit_code, end.signal, end.source) == (None, "SIGKILL", "waitpid")


def test_a_pending_signal_is_seen_until_it_is_taken() -> None:
    """A signal that a process blocks is pending there; one that it has no handler for is never taken by it."""
    program = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"taken\\n"))  # print is not reentrant
print(flush=True)
while True:
    signal.pause()
"""
    with python(program) as process:
        assert process.stdout is not None
        assert not proc.wait_until_pending(process.pid, signal.SIGTERM, 0)
        process.send_signal(signal.SIGTERM)
        assert proc.wait_until_pending(process.pid, signal.SIGTERM, 5)
        assert not proc.wait_until_taken(process.pid, signal.SIGTERM, 0)
        process.send_signal(signal.SIGUSR1)
        assert proc.wait_until_taken(process.pid, signal.SIGUSR1, 5)
        assert process.stdout.readline() == "taken\n"
        pidfd = os.pidfd_open(process.pid)
        try:
            assert not proc.wait_for_end(pidfd, 0)
            process.kill()
            assert proc.wait_for_end(pidfd, 5)
        finally:
            os.close(pidfd)
