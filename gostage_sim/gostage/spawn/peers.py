"""Whose process is at the other end of a TCP connection on this machine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

_PEER = re.compile(r"ipv[46]:\[?(?P<address>[0-9a-fA-F.:]+)\]?:(?P<port>\d+)")


def group_at(peer: str, server_port: int, groups: Collection[int]) -> int | None:
    """The one of these process groups that holds the socket of `peer`, as gRPC writes it: `ipv4:127.0.0.1:40112`.

    None when none of them does, or it is gone by now.
    """
    found = _PEER.fullmatch(unquote(peer))
    if found is None:  # a Unix socket, which has no address
        return None
    address, port = _plain(ip_address(found["address"])), int(found["port"])
    sockets = {f"socket:[{inode}]" for inode in _inodes(address, port, server_port)}
    return next((group for group in groups if any(_holds(pid, sockets) for pid in _members(group))), None)


def _inodes(address: IPv4Address | IPv6Address, port: int, server_port: int) -> Iterator[str]:
    """Of the sockets that are at this address and connected to the server's port; see proc(5), /proc/net/tcp."""
    for file in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):  # an IPv4 connection may be in either
        with open(file) as table:
            next(table)
            for row in table:
                _, local, remote, *rest = row.split()
                if _end(local) == (address, port) and _end(remote)[1] == server_port:
                    yield rest[6]


def _end(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """`0100007F:9C40` is 127.0.0.1, port 40000: words of four bytes, each turned round."""
    address, port = text.split(":")
    words = bytes.fromhex(address)
    packed = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
    return _plain(ip_address(packed)), int(port, 16)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def _members(group: int) -> Iterator[int]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(pid)) == group:
                yield int(pid)


def _holds(pid: int, sockets: Collection[str]) -> bool:
    with contextlib.suppress(OSError):  # gone, or another user's
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in sockets:
                    return True
    return False
