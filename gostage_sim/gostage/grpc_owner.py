"""gRPC works in the process that first makes a server or a channel, and in none that is forked from it.

Its threads are not in a fork, and whatever waits for them there waits for ever.
"""

from __future__ import annotations

import os

_owner: int | None = None


def own_grpc() -> None:
    """This process is going to use gRPC; RuntimeError when it is a fork of one that does."""
    global _owner
    if _owner is None:
        _owner = os.getpid()
    elif _owner != os.getpid():
        raise RuntimeError(
            f"this process was forked from process {_owner}, which uses gRPC, and gRPC works in no fork of a process "
            "that does; spawn with Runner(transport='json') here, or fork before the first child by gRPC is started"
        )
