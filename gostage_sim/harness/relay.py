"""Relay processes: one stands between a child and its parent for each fault of the stream.

The child forks it before it reads its definition, when it has one thread and has loaded little. Over JSON the relay
holds the pipe to the parent, and the child writes into a pipe to the relay; by gRPC the child's definition names the
relay's port, and the relay connects to the parent. Relays stack: the next one stands between the child and the last.

A relay is nobody's child to the observer: its fork has let go of the journal, the control socket and the channel. It
leads a session of its own, so that the engine's signals to the child's group do not reach it. It ends when it has
handed on all there was, which is when no process holds the child's end any more, or at once when the parent has closed
the other. An orderly child waits before it exits until nothing of it is left in a relay; what one holds of a child that
is killed comes later than the kernel's word of that death, and an engine waits for it only for a moment.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from gostage_sim.gostage.wire.encode import decode_document, encode_value
from gostage_sim.harness.stream import READ_BYTES, Stream
from gostage_sim.history.journal import Journal

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gostage_sim.faults import contract

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time


@dataclass(frozen=True, slots=True)
class Duty:
    """What a relay does with the stream, in whose name, and where it writes that down."""

    relay: Callable[[contract.Stream], None]
    fault: str
    journal: str
    rng: random.Random


def before_pipe(fd: int, duty: Duty) -> int:
    """Put a relay between this process and the pipe it writes to at `fd`.

    Returns a descriptor that is at its end when this process may leave: its end of the stream was closed, and what was
    in it has been handed on.
    """
    source, theirs = os.pipe()
    released, release = os.pipe()
    sink = os.dup(fd)  # before the fork, where the engine's own is pointed at nothing
    if os.fork() == 0:
        _leave_the_child(source, sink, release)
        _serve(duty, source, sink, in_lines=True, release=lambda: os.close(release), reset=lambda: os._exit(0))
    os.dup2(theirs, fd, inheritable=False)
    for end in (source, theirs, release, sink):
        os.close(end)
    return released


def before_server(definition_fd: int, duty: Duty) -> None:
    """Put a relay between this process and the server named by the definition that it is about to read there."""
    with os.fdopen(os.dup(definition_fd), "rb") as file:
        document = decode_document(file.read())
    transport = document["transport"]
    keys = {key.lower(): key for key in transport}
    server = (transport.get(keys.get("grpcaddress")) or "127.0.0.1", transport[keys["grpcport"]])
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        alive, _ = os.pipe()  # the other end stays open in this process until it is gone
        if os.fork() == 0:
            _leave_the_child(listener.fileno(), alive)
            _serve_connection(duty, listener, alive, server)
        os.close(alive)
        port = listener.getsockname()[1]
    told = document | {"transport": transport | {keys["grpcport"]: port}}
    told["transport"].pop(keys.get("grpcaddress"), None)  # the default is the relay's
    copy = os.memfd_create("definition")
    os.write(copy, encode_value(told).encode())
    os.lseek(copy, 0, os.SEEK_SET)
    os.dup2(copy, definition_fd)
    os.close(copy)


def _leave_the_child(*kept: int) -> None:
    """In the fork: hold nothing of the child but these descriptors, and nobody's standard streams."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in kept:
            with suppress(OSError):  # the one that listed the folder
                os.close(fd)


def _serve_connection(duty: Duty, listener: socket.socket, alive: int, server: tuple[str, int]) -> NoReturn:
    """Take the child's only connection, make one to the parent, and copy what comes back from there as it is."""
    from threading import Thread

    ready, _, _ = select.select([listener.fileno(), alive], [], [])
    if listener.fileno() not in ready:  # it is gone and never came
        os._exit(0)
    child, _ = listener.accept()
    listener.close()
    with suppress(OSError):
        parent = socket.create_connection(server)
        parent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces stay pieces
        back = Thread(target=_copy, args=(parent, child), daemon=True)
        back.start()

        def reset() -> NoReturn:
            for end in (parent, child):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            os._exit(0)

        def finish() -> None:
            with suppress(OSError):
                parent.shutdown(socket.SHUT_WR)
            back.join()

        _serve(duty, child.fileno(), parent.fileno(), in_lines=False, release=lambda: None, reset=reset, finish=finish)
    os._exit(0)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _serve(duty: Duty, source: int, sink: int, *, finish: Callable[[], None] = lambda: None, **ends: Any) -> NoReturn:
    """The rest of the relay's life. A fault that cannot be done is the harness's failure, and is told as such."""
    try:
        journal = Journal(duty.journal)
        try:
            stream = Stream(source, sink, journal, duty.fault, duty.rng, **ends)
            try:
                duty.relay(stream)
            except (BrokenPipeError, ConnectionResetError):
                stream.note(parent_closed=stream.position)
            finish()
        except Exception as error:
            journal.event("problem", text=f"the relay of fault {duty.fault} failed: {type(error).__name__}: {error}")
        journal.close()
    finally:
        os._exit(0)  # which releases the child, too
