"""The kernel's word on a TCP connection of this machine, from `/proc/net/tcp`."""

from __future__ import annotations

#: include/net/tcp_states.h
_STATES = {
    "01": "ESTABLISHED", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT", "07": "CLOSE",
    "08": "CLOSE_WAIT", "09": "LAST_ACK", "0B": "CLOSING",
}  # fmt: skip


def tcp_state(port: int, remote_port: int) -> str:
    """The state of the socket at this port that is connected to the other one; `gone` when there is none."""
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(table) as rows:
                next(rows)
                for row in rows:
                    _, local, remote, state, *_ = row.split()
                    if _port(local) == port and _port(remote) == remote_port:
                        return _STATES.get(state, state)
        except FileNotFoundError:  # a kernel without IPv6
            continue
    return "gone"


def _port(end: str) -> int:
    return int(end.rpartition(":")[2], 16)
