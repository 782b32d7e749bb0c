"""gRPC's C core in a child: whether its limits leave room for it, and how it begins before it is needed."""

from __future__ import annotations

import os
import resource
import time
from _thread import allocate_lock, start_new_thread
from contextlib import suppress

from gostage_sim.gostage.grpc_ends import core_settings, own_grpc

CORE_DESCRIPTORS = 10
CORE_THREADS = 12
"""What the core and the first channel take of them, and a little more."""
MANY_FILES = 256
MANY_PROCESSES = 1024
"""Where a limit is no lower, nothing is tried."""
NOBODY = "unix:/dev/null/nobody"

_kept: list[object] = []  # the core lasts as long as there is a channel


def has_begun() -> bool:
    """Whether this process has begun it ahead."""
    return bool(_kept)


def begin_core() -> None:
    """Begin gRPC's C core and try it once, so that the first connection finds all of it in memory.

    Connects to nobody. Does nothing where grpc is missing.
    """
    try:
        import grpc
    except ImportError:
        return
    own_grpc()
    with core_settings(quiet=True):
        _kept.append(grpc.insecure_channel(NOBODY))
        with suppress(grpc.RpcError), grpc.insecure_channel(NOBODY) as trial:
            list(trial.stream_stream("/nothing")(iter(()), timeout=1))


def require_room() -> None:
    """OSError or RuntimeError where limits leave gRPC's core no room to begin: it would abort this process."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < MANY_FILES:
        fds: list[int] = []
        try:
            fds.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(CORE_DESCRIPTORS))
        finally:
            for fd in fds:
                os.close(fd)
    few = 0 <= resource.getrlimit(resource.RLIMIT_NPROC)[0] < MANY_PROCESSES
    # Each thread takes 64 MiB of address space for good, for its malloc: not where that is limited, too.
    if few and resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        _try_threads(CORE_THREADS)


def _try_threads(count: int) -> None:
    """Start so many at once; returns when they are gone, and have left the core their room."""
    gate, before = allocate_lock(), _threads()

    def pass_through() -> None:
        with gate:
            pass

    try:
        with gate:
            for _ in range(count):
                start_new_thread(pass_through, ())
    finally:
        until = time.monotonic() + 1
        while _threads() > before and time.monotonic() < until:
            os.sched_yield()


def _threads() -> int:
    """Of this process, as the kernel counts them; a thread that Python has joined may still be among them."""
    return len(os.listdir("/proc/self/task"))
