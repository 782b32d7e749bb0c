"""`gostage-sim doctor`: what this machine has of what the engine and the harness use, and what is lost without it."""

from __future__ import annotations

import importlib
import os
import platform
import resource
import select
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from gostage_sim.report.escape import visible_line

State = Literal["ok", "degraded", "missing"]

_PYTHON = (3, 11)
_MANY_FILES = 4096
_ROOM_BYTES = 512 * 2**20
#: The kernel tells of a child's end by its pidfd from this release on, also when somebody else has taken its status.
_TELLS_BY_PIDFD = (6, 15)


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one thing: whether it is there, what was found, and unless it is `ok`, what that means."""

    name: str
    state: State
    found: str
    meaning: str = ""


def doctor() -> int:
    """Print a line for each thing that was looked at; exit code 0, or 1 when something is missing without which
    scenarios cannot run."""
    findings = [*examine()]
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.state:<8}  {finding.name:<{width}}  {visible_line(finding.found)}")
        if finding.meaning:
            print(f"{'':<8}  {'':<{width}}  {finding.meaning}")
    missing, degraded = (sum(each.state == state for each in findings) for state in ("missing", "degraded"))
    verdict = "scenarios cannot run here" if missing else "scenarios can run here"
    print(f"\n{verdict}: {missing} missing, {degraded} degraded")
    return 1 if missing else 0


def examine() -> Iterator[Finding]:
    """Try each thing for real. Nothing is left of it."""
    yield _python()
    yield _system()
    for look in _KERNEL:
        yield _tried(*look)
    yield _ends_by_pidfd(platform.release())
    yield _memory_group()
    yield _user()
    yield _open_files()
    yield _processors()
    yield _room(tempfile.gettempdir())
    for package, needed, without in _PACKAGES:
        yield _package(package, needed=needed, without=without)


def _python() -> Finding:
    good = sys.version_info >= _PYTHON
    found = f"{platform.python_implementation()} {platform.python_version()}"
    return Finding("Python", "ok" if good else "missing", found, "" if good else "3.11 is the oldest that is supported")


def _system() -> Finding:
    found = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if platform.system() == "Linux":
        return Finding("system", "ok", found)
    return Finding(
        "system",
        "missing",
        found,
        "children are spawned and watched by pidfd, epoll and /proc, which only Linux has: here check, list, explain, "
        "schema, new and report can be used; run scenarios in a Linux container",
    )


def _try_pidfd() -> str:
    os.close(os.pidfd_open(os.getpid()))
    return "pidfd_open() works"


def _try_epoll() -> str:
    select.epoll().close()
    os.close(os.eventfd(0, os.EFD_CLOEXEC))
    return "epoll and eventfd work"


def _try_proc() -> str:
    with open("/proc/self/stat") as own, open(f"/proc/{os.getppid()}/stat") as parents:
        own.read()
        parents.read()
    return "/proc shows other processes"


def _try_subreaper() -> str:
    import ctypes

    is_one = ctypes.c_int()
    if ctypes.CDLL(None, use_errno=True).prctl(37, ctypes.byref(is_one), 0, 0, 0):  # PR_GET_CHILD_SUBREAPER
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "orphans can be adopted"


def _try_lifeline() -> str:
    import fcntl
    import signal

    reading, writing = os.pipe()
    try:  # as the engine does it, but for the owner, who would be killed
        fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
        if fcntl.fcntl(reading, fcntl.F_GETSIG) != signal.SIGKILL:
            raise OSError(0, "the pipe did not take the signal")
    finally:
        os.close(reading)
        os.close(writing)
    return "a pipe that kills when its other end is closed"


_KERNEL: Sequence[tuple[str, Callable[[], str], str]] = (
    ("pidfd", _try_pidfd, "no child can be waited for; Linux 5.3 has it, a container's seccomp profile may refuse it"),
    ("epoll", _try_epoll, "no child can be waited for"),
    ("/proc", _try_proc, "nothing can be seen of a child; mount /proc, without hidepid"),
    ("sub-reaper", _try_subreaper, "what children leave behind would not be found"),
    ("lifeline", _try_lifeline, "children would outlive a parent that is killed"),
)


def _tried(name: str, look: Callable[[], str], meaning: str) -> Finding:
    try:
        return Finding(name, "ok", look())
    except (OSError, AttributeError) as error:
        return Finding(name, "missing", getattr(error, "strerror", None) or str(error), meaning)


def _ends_by_pidfd(release: str) -> Finding:
    numbers = [int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit()]
    good = tuple(numbers) >= _TELLS_BY_PIDFD
    meaning = (
        "" if good else "when another part of the program takes a child's status, the child's own word is believed"
    )
    found = f"Linux {release}; from 6.15 on the kernel tells it by the pidfd"
    return Finding("lost status", "ok" if good else "degraded", found, meaning)


def _memory_group() -> Finding:
    from gostage_sim.faults.memory_group import why_impossible

    why = why_impossible()
    if why is None:
        return Finding("memory cgroup", "ok", "can be made")
    return Finding(
        "memory cgroup",
        "degraded",
        why,
        "limits of memory are of each process alone (RLIMIT_AS), and scenarios with out_of_memory are skipped",
    )


def _user() -> Finding:
    if os.geteuid() == 0:
        return Finding("user", "ok", "root")
    meaning = "scenarios that need root are skipped, and SpawnOptions(user=…) is refused"
    return Finding("user", "degraded", f"number {os.geteuid()}, not root", meaning)


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard:,}"
    good = hard == resource.RLIM_INFINITY or hard >= _MANY_FILES
    return Finding(
        "open files",
        "ok" if good else "degraded",
        found,
        "" if good else f"scenarios with hundreds of children need more; `ulimit -Hn {_MANY_FILES}`",
    )


def _processors() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    meaning = "" if count > 1 else "runs take twice as long, and races between parent and child hardly show"
    return Finding("processors", "ok" if count > 1 else "degraded", str(count), meaning)


def _room(folder: str) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            "temporary folder", "missing", f"{folder}: {error.strerror}", "set TMPDIR to one that can be used"
        )
    good = free >= _ROOM_BYTES
    meaning = "" if good else "journals of large scenarios may not fit; set TMPDIR to a folder with more room"
    return Finding("temporary folder", "ok" if good else "degraded", f"{folder}: {free >> 20:,} MiB free", meaning)


_PACKAGES = (
    ("grpcio", False, "children cannot talk by gRPC; pip install grpcio, or choose --transport json"),
    ("numpy", True, "histories cannot be judged"),
    ("plotly", False, "report.html has no charts"),
    ("hypothesis", False, "no `gostage-sim fuzz`; pip install 'gostage-sim[fuzz]'"),
    ("pytest", False, "no pytest plug-in"),
)
_MODULES = {"grpcio": "grpc"}


def _package(package: str, *, needed: bool, without: str) -> Finding:
    try:
        importlib.import_module(_MODULES.get(package, package))
        return Finding(package, "ok", version(package))
    except (ImportError, PackageNotFoundError) as error:
        return Finding(package, "missing" if needed else "degraded", str(error) or "not installed", without)
