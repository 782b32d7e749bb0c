"""Finds the sockets of gRPC in this process: grpc keeps them to itself, the kernel does not."""

from __future__ import annotations

import os
import socket
from stat import S_ISSOCK

_TCP = (socket.AF_INET, socket.AF_INET6)


def socket_to(target: str) -> int | None:
    """The descriptor of this process that is connected to the server at `127.0.0.1:40112`, None when there is none."""
    port = int(target.rpartition(":")[2])
    return next((fd for fd in map(int, os.listdir("/proc/self/fd")) if _leads_to(fd, port)), None)


def listening_ports() -> list[int]:
    """The TCP ports at which this process listens."""
    return sorted({port for fd in map(int, os.listdir("/proc/self/fd")) if (port := _listens_at(fd))})


def _listens_at(fd: int) -> int | None:
    try:
        if not S_ISSOCK(os.fstat(fd).st_mode):
            return None
        with socket.socket(fileno=os.dup(fd)) as copy:
            listens = copy.family in _TCP and copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return int(copy.getsockname()[1]) if listens else None
    except OSError:
        return None


def _leads_to(fd: int, port: int) -> bool:
    try:
        if not S_ISSOCK(os.fstat(fd).st_mode):
            return False
        with socket.socket(fileno=os.dup(fd)) as copy:
            return copy.family in _TCP and copy.getpeername()[1] == port
    except OSError:  # the one that listed the folder, or a socket that is not connected
        return False
