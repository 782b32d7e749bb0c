"""A child that is forked ahead: it begins gRPC's core, which is most of such a start, and waits for what to become."""

from __future__ import annotations

import os
import pickle
import socket

from gostage_sim.gostage.child.grpc_core import begin_core

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.launchers.fork_server.child import ForkedChild

MAX_DESCRIPTORS = 16


class WaitingChild:
    """What it is sent first; its one descriptor is a socket, over which its own descriptors and its data come."""

    def _bootstrap(self, parent_sentinel: int) -> int:
        from multiprocess import forkserver  # type: ignore[import-untyped]

        (line_fd,) = forkserver.get_inherited_fds()
        before = _open_descriptors()
        begin_core()
        core = _open_descriptors() - before
        with socket.socket(fileno=line_fd) as line:
            byte, fds, _, _ = socket.recv_fds(line, 1, MAX_DESCRIPTORS)
            if not byte:
                return 0  # nobody needs it
            with line.makefile("rb") as data:
                try:
                    pickle.load(data)  # what `multiprocess.spawn` reads first
                    child: ForkedChild = pickle.load(data)
                except EOFError:
                    return 1  # the parent is gone
        return child.become(fds, core)


def _open_descriptors() -> set[int]:
    """Without the one that lists them, whose number is the next one's."""
    return {fd for fd in map(int, os.listdir("/proc/self/fd")) if _is_open(fd)}


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
