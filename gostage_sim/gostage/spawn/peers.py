"""Who is at the other end of a TCP connection on this machine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

End = tuple[IPv4Address | IPv6Address, int]
"""Of a TCP connection: address and port."""
_PEER = re.compile(r"ipv[46]:\[?(?P<address>[0-9a-fA-F.:]+)\]?:(?P<port>\d+)")
# ESTABLISHED, CLOSE_WAIT and SYN_RECV, include/net/tcp_states.h: the last is what the other end may call connected
# while its acknowledgement is still on the way here.
_OPEN = ("01", "08", "03")


def end_of(peer: str) -> End | None:
    """What gRPC writes as `ipv4:127.0.0.1:40112`; None for a Unix socket, which has no address."""
    found = _PEER.fullmatch(unquote(peer))
    return None if found is None else (plain(ip_address(found["address"])), int(found["port"]))


def group_at(peer: str, server_port: int, groups: Collection[int]) -> int | None:
    """The one of these process groups that holds the socket of `peer`, as gRPC writes it.

    None when none of them does, or it is gone by now.
    """
    end = end_of(peer)
    if end is None:
        return None
    sockets = {f"socket:[{inode}]" for remote, _, inode in _sockets_at(end) if remote[1] == server_port}
    return next((group for group in groups if any(_holds(pid, sockets) for pid in _members(group))), None)


def connected_to(here: End) -> set[End]:
    """The other ends of the connections that are open here."""
    return {remote for remote, state, _ in _sockets_at(here) if state in _OPEN}


def plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address as such, also that of an IPv6 socket."""
    return getattr(address, "ipv4_mapped", None) or address


def _sockets_at(here: End) -> Iterator[tuple[End, str, str]]:
    """The sockets at this address and port: the other end, state and inode; see proc(5), /proc/net/tcp."""
    port = f":{here[1]:04X}"
    for file in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):  # an IPv4 connection may be in either
        with contextlib.suppress(FileNotFoundError), open(file) as table:  # a kernel without IPv6
            next(table)
            for row in table:
                _, local, remote, state, *rest = row.split()
                if local.endswith(port) and _end(local) == here:
                    yield _end(remote), state, rest[5]


def _end(text: str) -> End:
    """`0100007F:9C40` is 127.0.0.1, port 40000: words of four bytes, each turned round."""
    address, port = text.split(":")
    words = bytes.fromhex(address)
    packed = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
    return plain(ip_address(packed)), int(port, 16)


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
