"""What both ends of a gRPC connection need, the parent's server and the child's channel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LAST_WORDS = "gostage: the parent no longer takes this child's messages: "
"""What a child that cannot send leaves on its stderr, before the reason: the parent has nothing else to go by."""

NO_CONNECTION = "gostage: this child cannot send to its parent: "
"""The same, where it could not even begin to."""

_owner: int | None = None
_setting = Lock()


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


@contextmanager
def core_settings(*, quiet: bool) -> Iterator[None]:
    """While gRPC's C core begins, which is when the first server or channel is made, it finds its settings here.

    It reads them in the environment, where nobody else is to see them, nor a child of this process to inherit them.
    Without fork support: its handlers around a fork stop and start threads, and where the user may have no more, that
    aborts the program. A child is `quiet`: the core writes to stderr what we raise.
    """
    settings = {"GRPC_ENABLE_FORK_SUPPORT": "0", **({"GRPC_VERBOSITY": "NONE"} if quiet else {})}
    with _setting:
        ours = [name for name in settings if name not in os.environ]
        try:
            for name in ours:
                os.environ[name] = settings[name]
            yield
        finally:
            for name in ours:
                os.environ.pop(name, None)


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
