"""Whether a child sends by gRPC: its definition says so. What that takes is imported then, and only then."""

from __future__ import annotations

import os

from gostage_sim.gostage.child import TOKEN_VARIABLE

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gostage_sim.gostage.broker import Channel
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel
    from gostage_sim.gostage.context import ActionContext


def open_connection(document: dict[str, Any]) -> GrpcChannel | None:
    """A channel to the server that the definition names; None when it names none. Does not wait for the server."""
    token = os.environ.pop(TOKEN_VARIABLE, "")  # not for the children of this child
    transport = document.get("transport")
    if not isinstance(transport, dict):
        return None
    told = {str(key).lower(): value for key, value in transport.items()}  # in any case, as Go reads them
    if told.get("type") != "grpc":
        return None
    from gostage_sim.gostage.grpc_ends import core_settings

    if not _CORE:
        _require_room()
    with core_settings(quiet=True):
        channel = load_grpc()(
            _target(str(told.get("grpcaddress") or "127.0.0.1"), told.get("grpcport") or 0),
            token,
            str(document.get("id") or ""),
            acknowledge_each=told.get("acknowledge") == "each",
            window_bytes=int(told.get("windowbytes") or 0),
            keep_alive_ms=int(told.get("keepalivems") or 0),
        )
    os.register_at_fork(after_in_child=channel.abandon)
    return channel


def _require_room() -> None:
    """OSError or RuntimeError where limits leave gRPC's core no room to begin: it would abort this process."""
    import resource

    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < _MANY_FILES:
        fds: list[int] = []
        try:
            fds.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_CORE_DESCRIPTORS))
        finally:
            for fd in fds:
                os.close(fd)
    few = 0 <= resource.getrlimit(resource.RLIMIT_NPROC)[0] < _MANY_PROCESSES
    # Each thread takes 64 MiB of address space for good, for its malloc: not where that is limited, too.
    if few and resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        _try_threads(_CORE_THREADS)


def _try_threads(count: int) -> None:
    """Start so many at once; returns when they are gone, and have left the core their room."""
    import time
    from _thread import allocate_lock, start_new_thread

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


def load_grpc() -> type[GrpcChannel]:
    """Import all that a child by gRPC needs; a fork server does it before there are children. Starts no thread."""
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel

    try:  # what grpc itself imports when it makes its first channel
        import grpc._channel
        import grpc.experimental  # noqa: F401
    except ImportError:
        pass
    return GrpcChannel


_CORE: list[object] = []
_CORE_DESCRIPTORS = 10
_CORE_THREADS = 12
"""What the core and the first channel take of them, and a little more."""
_MANY_FILES = 256
_MANY_PROCESSES = 1024
_NOBODY = "unix:/dev/null/nobody"


def begin_core() -> None:
    """Begin gRPC's C core and try it once, so that the first connection finds all of it in memory.

    Connects to nobody. Does nothing where grpc is missing.
    """
    from contextlib import suppress

    from gostage_sim.gostage.grpc_ends import core_settings, own_grpc

    try:
        import grpc
    except ImportError:
        return
    own_grpc()
    with core_settings(quiet=True):
        _CORE.append(grpc.insecure_channel(_NOBODY))  # the core lasts as long as there is a channel
        with suppress(grpc.RpcError), grpc.insecure_channel(_NOBODY) as trial:
            list(trial.stream_stream("/nothing")(iter(()), timeout=1))


def _target(address: str, port: int) -> str:
    """As gRPC writes it."""
    if address.startswith("unix:"):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def acknowledged(channel: Channel) -> Callable[[ActionContext, Callable[[], None]], None]:
    """Middleware: an action has ended when the parent has what it sent, also one that failed."""

    def wait(ctx: ActionContext, proceed: Callable[[], None]) -> None:
        try:
            proceed()
        finally:
            channel.flush()

    return wait
