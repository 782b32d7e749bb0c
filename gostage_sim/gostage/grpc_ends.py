"""What both ends of a gRPC connection need, the parent's server and the child's channel."""

from __future__ import annotations

import os

_owner: int | None = None


def own_grpc() -> None:
    """This process is going to use gRPC; RuntimeError when it is a fork of one that does.

    Its threads are not in a fork, and whatever waits for them there waits for ever.
    """
    global _owner
    if _owner is None:
        _owner = os.getpid()
    elif _owner != os.getpid():
        raise RuntimeError(
            f"this process was forked from process {_owner}, which uses gRPC, and gRPC works in no fork of a process "
            "that does; spawn with Runner(transport='json') here, or fork before the first child by gRPC is started"
        )


def keep_alive(after_ms: int) -> tuple[tuple[str, int], ...]:
    """The options of an end that asks after so much silence, and gives up after as much again; 0: it does not ask."""
    if not after_ms:
        return ()
    return (
        ("grpc.keepalive_time_ms", after_ms),
        ("grpc.keepalive_timeout_ms", after_ms),
        ("grpc.http2.ping_timeout_ms", after_ms),  # which counts where a ping is under way for another reason
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),  # by default it asks twice, and then not before there is data
        ("grpc.http2.max_ping_strikes", 0),  # by default who asks more than every five minutes is thrown out
    )
