"""The parent's hold of a child that was forked ahead, and waits to be told what to become; see `waiting`."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack

from gostage_sim.gostage.spawn.launchers.contract import LaunchError
from gostage_sim.gostage.spawn.launchers.fork_server.server import END_S, Forked, Server, ServerGoneError
from gostage_sim.gostage.spawn.launchers.fork_server.status import read_number
from gostage_sim.gostage.spawn.launchers.fork_server.waiting import WaitingChild
from gostage_sim.gostage.spawn.process import close_kept, keep_from_forks, no_sigpipe
from gostage_sim.gostage.spawn.readiness import is_readable

_WAIT = pickle.dumps({}) + pickle.dumps(WaitingChild())


class Spare:
    """One child ahead. Asking for it waits for nothing; it is forked and begins while its elder sibling runs."""

    def __init__(self, server: Server, deadline: float) -> None:
        self._server = server
        with ExitStack() as undo:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._asked = server.ask([theirs.fileno()], deadline)
                undo.callback(self._asked.close)
                os.write(self._asked.data_fd, _WAIT)
                self._line_fd = ours.detach()
            keep_from_forks(self._line_fd)
            undo.pop_all()

    def become(self, fds: Sequence[int], deadline: float) -> Forked:
        """The child, to which these descriptors were sent; its data are to be written to `data_fd`, as to any other.

        ServerGoneError when there is none. In either case this is over.
        """
        with ExitStack() as undo:
            undo.callback(close_kept, self._line_fd)
            child = self._server.forked(self._asked, deadline)
            close_kept(child.data_fd)
            undo.callback(close_kept, child.status_fd)
            undo.callback(close_kept, child.pidfd)
            try:
                if is_readable(child.pidfd, 0):
                    raise ServerGoneError(f"the child {child.pid}, forked ahead, is gone")
                with no_sigpipe(), socket.socket(fileno=os.dup(self._line_fd)) as line:
                    line.settimeout(max(0.001, deadline - time.monotonic()))
                    socket.send_fds(line, [b"b"], list(fds))
            except (ConnectionError, TimeoutError) as error:
                raise ServerGoneError(f"the child {child.pid}, forked ahead, is gone: {error}") from error
            undo.pop_all()
            return child._replace(data_fd=self._line_fd)

    def close(self) -> None:
        """Let it end, and wait until it has."""
        close_kept(self._line_fd)
        try:
            child = self._server.forked(self._asked, time.monotonic() + END_S)
        except (ServerGoneError, LaunchError):
            return
        if not is_readable(child.pidfd, END_S):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        read_number(child.status_fd, time.monotonic() + END_S)  # its server has taken the status: no zombie is left
        for fd in child.status_fd, child.data_fd, child.pidfd:
            close_kept(fd)
