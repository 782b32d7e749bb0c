"""Counts who connects to the gRPC server and is no child of it: gRPC tells of calls, and nothing of connections.

The kernel tells: a netlink socket gets a message for each TCP socket of this network namespace that ends, as `ss -E`
shows them, and a filter in the kernel lets only those at our own port into its buffer. Nobody waits for them: they are
read when something is asked for anyway. A connection that ended without having been welcomed was a stranger's.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import threading
import time
from collections import deque
from ipaddress import ip_address

from gostage_sim.gostage.spawn.peers import End, connected_to, end_of, plain
from gostage_sim.gostage.spawn.process import close_kept, keep_from_forks
from gostage_sim.gostage.spawn.readiness import is_readable

SETTLE_S = 1.0
"""How long the kernel's word may take. It is a fraction of a millisecond, unless it never comes."""
BUFFER_BYTES = 1024 * 1024
"""Asked for; the kernel gives no more than its `net.core.rmem_max`, for some hundred messages."""
LATELY = 1024
"""So many strangers are remembered, in case that one turns out to have been a child."""

# linux/netlink.h, linux/sock_diag.h, asm-generic/socket.h and linux/bpf_common.h
_NETLINK_SOCK_DIAG = 4
_TCP_DESTROY = 1 << 0 | 1 << 2  # the groups of IPv4 and of IPv6, whose sockets may have IPv4 addresses
_SO_ATTACH_FILTER = 26
_LOAD_HALF, _JUMP_EQUAL, _RETURN = 0x28, 0x15, 0x06
# struct inet_diag_msg, linux/inet_diag.h, behind a struct nlmsghdr
_FAMILY, _PORT, _ADDRESS, _PEER_ADDRESS = 16, 20, 24, 40


class Strangers:
    """Watches one port of a server that is about to take connections. `close()` returns the descriptor."""

    def __init__(self, address: str, port: int) -> None:
        self._here: End = (ip_address(address), port)
        self._owner = os.getpid()
        self._lock = threading.RLock()  # the garbage collector may close the server in the midst of all this
        self._fd = -1
        self._heard = False
        self._count = 0
        self._welcome: set[End] = set()
        self._lately: deque[End] = deque(maxlen=LATELY)
        with contextlib.suppress(OSError):  # another system, or a sandbox that has no netlink: nothing is heard
            self._fd = _open(port)
            keep_from_forks(self._fd)

    def welcome(self, peer: str) -> None:
        """A child is at this end of a connection, as gRPC writes it."""
        end = end_of(peer)
        if end is None:
            return
        with self._lock:
            if end in self._welcome or self._fd < 0:
                return
            if end in self._lately and end not in connected_to(self._here):
                self._lately.remove(end)  # its first call was slower to come here than word of its end
                self._count -= 1
            else:
                self._welcome.add(end)

    def look(self) -> None:
        """Take what the kernel has told meanwhile, so that its buffer has room."""
        if self._owner != os.getpid():  # in a fork the descriptor is closed, and the lock may be held for ever
            return
        with self._lock:
            self._take()

    @property
    def count(self) -> int | None:
        """How many connections of strangers have ended. None where the kernel does not tell."""
        self.look()
        if not self._heard and self._fd >= 0 and self._owner == os.getpid():
            self._settle()
        return self._count if self._heard else None

    def connected(self) -> set[End]:
        """Who is connected now and not welcome, for `close`."""
        with self._lock:
            return connected_to(self._here) - self._welcome if self._fd >= 0 else set()

    def close(self, dismissed: set[End]) -> None:
        """The server has ended, and with it what was connected; these are counted, told of or not."""
        with self._lock:
            if self._fd >= 0:
                self._count += len(dismissed - self._settle())
                fd, self._fd = self._fd, -1
                close_kept(fd)

    def _settle(self) -> set[End]:
        """Wait until the kernel has told what ended so far; the strangers among it.

        It tells in order: a socket of our own ends last. That also shows whether it tells at all.
        """
        ended: set[End] = set()
        with self._lock, contextlib.suppress(OSError):
            with socket.socket(socket.AF_INET6 if self._here[0].version == 6 else socket.AF_INET) as last:
                last.bind(("", 0))
                port = last.getsockname()[1]
                _let_through(self._fd, self._here[1], port)
            until = time.monotonic() + SETTLE_S
            while not self._take(ended, port) and (left_s := until - time.monotonic()) > 0:
                is_readable(self._fd, left_s)
        return ended

    def _take(self, ended: set[End] | None = None, last: int = 0) -> bool:
        """Read what there is; whether the port `last` was among it."""
        found = False
        while self._fd >= 0:
            try:
                message = os.read(self._fd, 4096)
            except OSError as error:
                if error.errno == errno.ENOBUFS:  # more ended than there was room for: the count is the least
                    continue
                break
            self._heard = True
            here, end = _ends(message)
            found = found or here[1] == last
            if here != self._here or not end[1]:  # another address with this port; a socket that was never connected
                continue
            if end in self._welcome:
                self._welcome.remove(end)  # the next connection from there is another one
                continue
            self._count += 1
            self._lately.append(end)
            if ended is not None:
                ended.add(end)
        return found


def _open(port: int) -> int:
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_SOCK_DIAG
    ) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        _let_through(made.fileno(), port)
        made.bind((0, _TCP_DESTROY))
        return made.detach()  # an object would close it in a fork for a second time, whatever has its number then


def _let_through(fd: int, *ports: int) -> None:
    """Only messages about these ports enter the buffer; a classic BPF program, see socket(7), SO_ATTACH_FILTER."""
    last = len(ports)
    program = [struct.pack("=HBBI", _LOAD_HALF, 0, 0, _PORT)]
    program += [struct.pack("=HBBI", _JUMP_EQUAL, last - index, 0, port) for index, port in enumerate(ports)]
    program += [struct.pack("=HBBI", _RETURN, 0, 0, size) for size in (0, 0xFFFFFFFF)]
    code = ctypes.create_string_buffer(b"".join(program))
    watched = socket.socket(fileno=fd)
    try:
        watched.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
        )
    finally:
        watched.detach()


def _ends(message: bytes) -> tuple[End, End]:
    """Of the socket that ended: its own, and the other one."""
    length = 16 if message[_FAMILY] == socket.AF_INET6 else 4
    here, there = struct.unpack_from("!HH", message, _PORT)
    return (
        (plain(ip_address(message[_ADDRESS : _ADDRESS + length])), here),
        (plain(ip_address(message[_PEER_ADDRESS : _PEER_ADDRESS + length])), there),
    )
