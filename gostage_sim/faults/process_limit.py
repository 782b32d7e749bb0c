"""A thread that may start no process, root or not."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = 65534
#: The raw system call, by machine: the C library's setresuid() changes every thread of the process.
_SETRESUID = {"x86_64": 117, "aarch64": 147}

# linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SYS_ADMIN, _CAP_SYS_RESOURCE = 21, 24


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def forbid_processes() -> Iterator[None]:
    """RLIMIT_NPROC is 0, and counts for this thread. OSError where root cannot be held to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    with ExitStack() as undo:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
        undo.callback(resource.setrlimit, resource.RLIMIT_NPROC, (soft, hard))
        if os.getuid() == 0:
            # The kernel lets pass the user root, and whoever has one of two capabilities; both belong to the thread.
            undo.callback(_set_real_user, 0)
            _set_real_user(_NOBODY)
            undo.callback(_set_effective, *_drop(_CAP_SYS_ADMIN, _CAP_SYS_RESOURCE))
        yield


def try_to_fork() -> None:
    """Start a process, as the engine will, and wait for it; OSError when that is not possible."""
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {}), 0)


def _set_real_user(uid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    number = _SETRESUID.get(os.uname().machine)
    if number is None:
        raise OSError(f"the number of setresuid on {os.uname().machine} is not known")
    unchanged = ctypes.c_long(-1)
    if libc.syscall(ctypes.c_long(number), ctypes.c_long(uid), unchanged, unchanged) != 0:
        raise OSError(ctypes.get_errno(), "setresuid")


def _drop(*capabilities: int) -> tuple[int, int]:
    """Take these from the effective set of this thread; returns the set as it was."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, halves = _Header(_CAPABILITY_VERSION_3, 0), (_Half * 2)()
    if libc.capget(ctypes.byref(header), halves) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    before = (halves[0].effective, halves[1].effective)
    mask = sum(1 << number for number in capabilities)
    _set_effective(before[0] & ~mask, before[1])
    return before


def _set_effective(low: int, high: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header, halves = _Header(_CAPABILITY_VERSION_3, 0), (_Half * 2)()
    if libc.capget(ctypes.byref(header), halves) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    halves[0].effective, halves[1].effective = low, high
    if libc.capset(ctypes.byref(header), halves) != 0:
        raise OSError(ctypes.get_errno(), "capset")
