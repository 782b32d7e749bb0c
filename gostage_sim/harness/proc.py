"""What the kernel says of processes: readings of `/proc`, pidfds, how a process ended."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from gostage_sim.history.model import KernelExit, Resources

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

# ioctl of pidfds since Linux 6.13, exit status since 6.15; linux/pidfd.h: _IOWR(0xFF, 11, struct pidfd_info)
_PIDFD_INFO_BYTES = 64
_PIDFD_GET_INFO = (3 << 30) | (_PIDFD_INFO_BYTES << 16) | (0xFF << 8) | 11
_PIDFD_INFO_EXIT = 1 << 3
_EXIT_STATUS_OFFSET = 60

_POLL_S = 0.002

#: The number of write(2), from asm/unistd.h; architectures younger than these two share a table.
_WRITE = {"x86_64": 1, "i686": 4}.get(os.uname().machine, 64)


@dataclass(frozen=True, slots=True)
class Stat:
    """The part of `/proc/PID/stat` that matters here."""

    pid: int
    name: str
    state: str
    """One letter: R, S, D, T, Z, …"""
    parent: int


def become_subreaper() -> bool:
    """Make this process the reaper of all its orphaned descendants; returns whether it was before."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = ctypes.c_int()
    libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    return bool(before.value)


def stop_being_subreaper() -> None:
    """Undo `become_subreaper`."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = _read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold spaces and parentheses itself.
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, parent = rest.split()[:2]
    return Stat(pid, name, state, int(parent))


def _read(path: str) -> bytes:
    """Of a file in `/proc`. No `Path`: making one costs as much as the reading, and a sample reads dozens."""
    with open(path, "rb", buffering=0) as file:
        return file.read()


def children(pid: int) -> list[int]:
    """The pids of its children, zombies included."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    if not found and not _has_children_files():
        return [seen.pid for seen in _everybody() if seen.parent == pid]
    return found


def descendants(pid: int, ignored: Set[int] = frozenset()) -> list[Stat]:
    """Children of `pid` and theirs, zombies included, parents first; `ignored` ones and what is below them left out."""
    found: list[Stat] = []
    to_visit = [pid]
    while to_visit:
        for child in children(to_visit.pop()):
            seen = stat(child)
            if child not in ignored and seen is not None:
                found.append(seen)
                to_visit.append(child)
    return found


def resources(pid: int, *, reaper: int, ignored: Set[int], temp: Path) -> Resources | None:
    """Count what process `pid` holds; None when it is gone. Descendants of the `reaper` count as its own."""
    try:
        fds, sockets = _descriptors(pid)
        status = dict(_status(pid))
    except OSError:
        return None
    others = [found for found in descendants(reaper, ignored) if found.pid != pid]
    zombies = sum(found.state == "Z" for found in others)
    return Resources(
        t_ns=time.monotonic_ns(),
        processes=len(others) - zombies,
        zombies=zombies,
        fds=fds,
        sockets=sockets,
        threads=int(status.get("Threads", "0")),
        temp_files=sum(len(folders) + len(files) for _, folders, files in os.walk(temp)),
        rss_anon_bytes=int(status.get("RssAnon", "0 kB").split()[0]) * 1024,
    )


def wait_for_state(pid: int, state: str, timeout_s: float) -> bool:
    """Wait until `/proc/PID/stat` shows this state letter; False when it did not within the time."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = stat(pid)
        if seen is not None and seen.state == state:
            return True
        if seen is None or time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)  # the kernel tells nobody but the parent of a change of state


def wait_for_write(pid: int, timeout_s: float) -> int | None:
    """Wait until a thread sleeps in the write(2) of a pipe, and say of how many bytes; None when none did within the
    time, when the process is gone, or when this kernel shows nobody's system calls."""
    deadline = time.monotonic() + timeout_s
    while True:
        size = _blocked_write(pid)
        if size is not None:
            return size
        seen = stat(pid)
        if seen is None or seen.state == "Z" or time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_S)


def _blocked_write(pid: int) -> int | None:
    """`/proc/PID/task/TID/syscall` is the call that a thread sleeps in: its number and its arguments in hexadecimal, of
    a write the descriptor, the buffer and its size. `wchan` would tell as much, but is `0` in several kernels."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            number, *arguments = Path(f"/proc/{pid}/task/{thread}/syscall").read_text().split()
            if number == str(_WRITE):
                fd, _, size = (int(argument, 16) for argument in arguments[:3])
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("pipe:"):
                    return size
    return None


def wait_until_pending(pid: int, number: int, timeout_s: float) -> bool:
    """Wait until this signal, which the process or its main thread blocks, is pending there; False when it was not
    within the time."""
    return _within(timeout_s, lambda: _is_pending(pid, number) or _has_signal(pid, "SigPnd", number))


def wait_until_taken(pid: int, number: int, timeout_s: float) -> bool:
    """Whether the process has a handler for this signal, and none is pending any more within the time."""
    return _is_caught(pid, number) and _within(timeout_s, lambda: not _is_pending(pid, number))


def wait_for_end(pidfd: int, timeout_s: float) -> bool:
    """Wait until the process is gone, a zombie or less; False when it was not within the time."""
    return bool(select.select([pidfd], [], [], timeout_s)[0])


def _is_pending(pid: int, number: int) -> bool:
    """Of the process as a whole, not of one of its threads."""
    return _has_signal(pid, "ShdPnd", number)


def _is_caught(pid: int, number: int) -> bool:
    return _has_signal(pid, "SigCgt", number)


def _has_signal(pid: int, mask: str, number: int) -> bool:
    try:
        return bool(int(dict(_status(pid))[mask], 16) >> (number - 1) & 1)
    except (OSError, KeyError):  # gone; a zombie has no signals
        return False


def _within(timeout_s: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)  # the kernel tells nobody
    return True


def command(found: Stat) -> str:
    """Its command line, or its name where it has none; 500 bytes at most."""
    try:
        line = Path(f"/proc/{found.pid}/cmdline").read_bytes()[:500]
    except OSError:
        line = b""
    return line.replace(b"\0", b" ").decode("utf-8", "replace").strip() or found.name


def exit_of(pidfd: int) -> KernelExit | None:
    """How a process ended that need not be our child, once its parent has reaped it; None when it is not known yet, or
    when this kernel does not tell."""
    request = struct.pack("<Q", _PIDFD_INFO_EXIT).ljust(_PIDFD_INFO_BYTES, b"\0")
    try:
        answer = fcntl.ioctl(pidfd, _PIDFD_GET_INFO, request)
    except OSError:
        return None
    if not struct.unpack_from("<Q", answer)[0] & _PIDFD_INFO_EXIT:
        return None
    return kernel_exit(struct.unpack_from("<i", answer, _EXIT_STATUS_OFFSET)[0], "pidfd")


def reap(pid: int) -> KernelExit | None:
    """Reap a child of this process; None when it still runs or is not ours."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return kernel_exit(status, "waitpid") if found else None


def kernel_exit(status: int, source: str) -> KernelExit:
    """A wait status in words, dated now."""
    code = os.waitstatus_to_exitcode(status)
    exit_code, name = (code, None) if code >= 0 else (None, signal_name(-code))
    return KernelExit(time.monotonic_ns(), exit_code, name, source)


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11; a real-time signal without a name is `SIG40`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def send_signal(pidfd: int, number: int) -> None:
    """As `signal.pidfd_send_signal`, but a process that is gone is no error."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


def signal_at_end_of(pipe: int, number: int) -> None:
    """Let the kernel signal this process when the last writing end of the pipe is closed, by whatever death."""
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, number)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # closed before we asked
        os.kill(os.getpid(), number)


def _has_children_files() -> bool:
    """False on a kernel built without CONFIG_PROC_CHILDREN."""
    return os.path.exists("/proc/thread-self/children")


def _everybody() -> Iterator[Stat]:
    for name in os.listdir("/proc"):
        found = stat(int(name)) if name.isdigit() else None
        if found is not None:
            yield found


def _descriptors(pid: int) -> tuple[int, int]:
    """How many descriptors are open, and how many of them are sockets."""
    names = os.listdir(f"/proc/{pid}/fd")
    sockets = 0
    for name in names:
        with contextlib.suppress(OSError):
            sockets += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return len(names), sockets


def _status(pid: int) -> Iterator[tuple[str, str]]:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        yield key, value.strip()
