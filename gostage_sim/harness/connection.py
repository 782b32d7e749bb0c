"""Finds the socket of a child's gRPC connection: grpc keeps it to itself, the kernel does not."""

from __future__ import annotations

import os
import socket
from stat import S_ISSOCK


def socket_to(target: str) -> int | None:
    """The descriptor of this process that is connected to the server at `127.0.0.1:40112`, None when there is none."""
    port = int(target.rpartition(":")[2])
    return next((fd for fd in map(int, os.listdir("/proc/self/fd")) if _leads_to(fd, port)), None)


def _leads_to(fd: int, port: int) -> bool:
    try:
        if not S_ISSOCK(os.fstat(fd).st_mode):
            return False
        with socket.socket(fileno=os.dup(fd)) as copy:
            return copy.family in (socket.AF_INET, socket.AF_INET6) and copy.getpeername()[1] == port
    except OSError:  # the one that listed the folder, or a socket that is not connected
        return False
