"""The parent's hold of one running fork server: start it, let it fork, end it.

The server's loop is that of `multiprocess.forkserver`, and so is what goes over the socket. The starting is not:
`ForkServer.ensure_running` of that library also starts a resource tracker that outlives it, hands the server our whole
environment, which every child could read in `/proc/self/environ`, and leaves it in our process group.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from gostage_sim.gostage.spawn.command import child_environment, interpreter
from gostage_sim.gostage.spawn.depth import parent_of
from gostage_sim.gostage.spawn.descendants import with_room
from gostage_sim.gostage.spawn.launchers.contract import LaunchError
from gostage_sim.gostage.spawn.launchers.fork_server.status import read_number
from gostage_sim.gostage.spawn.launchers.importable import current_folder
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import close_kept, keep_from_forks, no_sigpipe, open_pipe, tie
from gostage_sim.gostage.spawn.readiness import is_readable

if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.launchers.fork_server.spare import Spare

END_S = 2.0
"""How long a server may take to end by itself."""


class ServerGoneError(Exception):
    """The server died, or its child before it could be let go. Another try may do."""


class Asked(NamedTuple):
    """A child that was asked for; see `Server.forked`. The descriptors are those of `Forked`."""

    status_fd: int
    data_fd: int

    def close(self) -> None:
        close_kept(self.status_fd)
        close_kept(self.data_fd)


class Forked(NamedTuple):
    """A child that waits for its data. The descriptors belong to the caller, and are kept from forks."""

    pid: int
    pidfd: int
    status_fd: int
    """Gives the exit code at the end; see `status`."""
    data_fd: int
    """What is written here is what the child becomes; closing it unwritten ends the child."""


class Server:
    """A running fork server. It dies with this program, whatever ends that, and takes no signal of its terminal.

    In a process forked from this one, which may outlive it, nothing of the server is held, and `close()` does nothing.
    """

    def __init__(self, preload: Sequence[str], path: Sequence[str], *, by_grpc: bool) -> None:
        self.owner = os.getpid()
        self.spare: Spare | None = None
        """A child that was forked ahead, for whoever takes it."""
        stderr = None if _is_passed_on(2) else subprocess.DEVNULL
        with ExitStack() as theirs, ExitStack() as ours:
            listener, self._address_fd = _listen()
            theirs.enter_context(listener)
            _keep(self._address_fd, ours)
            alive, self._alive_fd = _pipe(theirs, ours)
            lifeline, self._lifeline_fd = _pipe(theirs, ours)
            self._failure_fd, failure = open_pipe()
            _keep(self._failure_fd, ours)
            theirs.callback(os.close, failure)
            arguments = (listener.fileno(), alive, failure, list(path), list(preload), by_grpc)
            self._popen = subprocess.Popen(
                [*interpreter(), "-c", _PROGRAM.format(path=list(path), arguments=arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(listener.fileno(), alive, failure, lifeline),
                start_new_session=True,
                # Python 3.13.0 cannot import `socket` in a folder that was removed (SystemError). The path has nothing
                # relative in it then, and children are led to their folder by its descriptor.
                cwd=None if current_folder() else "/",
                env=with_room(child_environment(SpawnOptions(), 0)),
            )
            ours.callback(self._popen.wait)
            ours.callback(self._popen.kill)
            self.pid = self._popen.pid
            tie(lifeline, self.pid)
            self._pidfd = os.pidfd_open(self.pid)
            _keep(self._pidfd, ours)
            ours.pop_all()

    def is_alive(self) -> bool:
        return not is_readable(self._pidfd, 0)

    def fork(self, fds: Sequence[int], deadline: float) -> Forked:
        """Let it fork a child that gets copies of these descriptors.

        ServerGoneError when it is dead or the child is gone at once, LaunchError when it could not import a module or
        does not answer in time.
        """
        return self.forked(self.ask(fds, deadline), deadline)

    def ask(self, fds: Sequence[int], deadline: float) -> Asked:
        """As `fork`, and not wait for the child; whether there is one, `forked` finds out."""
        with ExitStack() as undo, socket.socket(socket.AF_UNIX) as client:
            status_fd, child_status = open_pipe()
            _keep(status_fd, undo)
            try:
                child_data, data_fd = open_pipe()
            except OSError:
                os.close(child_status)
                raise
            _keep(data_fd, undo)
            os.set_blocking(child_status, False)  # a child that fills its server's pipe must not stop the server
            try:
                self._ask(client, [child_data, child_status, *fds], deadline)
            finally:
                os.close(child_data)
                os.close(child_status)
            undo.pop_all()
            return Asked(status_fd, data_fd)

    def forked(self, asked: Asked, deadline: float) -> Forked:
        """The child that was asked for. After an error its descriptors are closed."""
        with ExitStack() as undo:
            undo.callback(asked.close)
            pid = read_number(asked.status_fd, deadline)
            if pid is None:
                raise self._failure(deadline)
            try:
                pidfd = os.pidfd_open(pid)
            except (ProcessLookupError, ValueError, OverflowError):
                raise ServerGoneError(f"the child {pid} of the fork server {self.pid} is gone") from None
            _keep(pidfd, undo)
            if parent_of(pid) != self.pid:  # the number has another owner by now, or it is a lie
                raise ServerGoneError(f"process {pid} is no child of the fork server {self.pid}")
            undo.pop_all()
            return Forked(pid, pidfd, asked.status_fd, asked.data_fd)

    def _ask(self, client: socket.socket, fds: list[int], deadline: float) -> None:
        from multiprocess.reduction import sendfds  # type: ignore[import-untyped]

        # Its third and fourth are multiprocess's own alive pipe and resource tracker; our children have neither, but
        # something must be there.
        fds[2:2] = [fds[0], fds[0]]
        client.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            client.connect(f"/proc/self/fd/{self._address_fd}")
            with no_sigpipe():
                sendfds(client, fds)
        except (ConnectionError, TimeoutError):
            raise self._failure(deadline) from None

    def _failure(self, deadline: float) -> Exception:
        """Why there is no child."""
        if not is_readable(self._pidfd, min(END_S, max(0.0, deadline - time.monotonic()))):
            self.kill()
            return LaunchError(
                "the fork server did not answer in time and was killed; give it longer to import what it preloads: "
                "ForkServer(start_timeout_s=…)"
            )
        os.set_blocking(self._failure_fd, False)
        with contextlib.suppress(BlockingIOError):
            text = os.read(self._failure_fd, 4096).decode("utf-8", "replace")
            if text:
                return LaunchError(f"the fork server did not start: {text}")
        return ServerGoneError(f"the fork server {self.pid} is gone")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """End it and return every descriptor. Its children go on."""
        if self.owner != os.getpid():  # a fork of that program, whose server it is not
            self._popen.returncode = 0
            return
        if self.spare is not None:
            self.spare.close()
        close_kept(self._alive_fd)
        if not is_readable(self._pidfd, END_S):
            self.kill()
        self._popen.wait()
        for fd in (self._lifeline_fd, self._address_fd, self._failure_fd, self._pidfd):
            close_kept(fd)


_PROGRAM = """\
import sys
sys.path[:] = {path!r}
from gostage_sim.gostage.spawn.launchers.fork_server.serving import serve
serve(*{arguments!r})
"""


def _pipe(theirs: ExitStack, ours: ExitStack) -> tuple[int, int]:
    """A pipe whose reading end is the server's."""
    reading, writing = open_pipe()
    theirs.callback(os.close, reading)
    _keep(writing, ours)
    return reading, writing


def _keep(fd: int, until: ExitStack) -> None:
    """Close it at the end of `until`, and in every fork at once: who outlives this program must not hold its server."""
    keep_from_forks(fd)
    until.callback(close_kept, fd)


def _is_passed_on(fd: int) -> bool:
    """Open, and not by somebody who got this number because it was free."""
    with contextlib.suppress(OSError):
        return os.get_inheritable(fd)
    return False


def _above_standard(made: socket.socket) -> socket.socket:
    """The same one, not as 0, 1 or 2, which the server has for itself; see `process.open_pipe`."""
    with made:
        return socket.socket(fileno=fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 3))


def _listen() -> tuple[socket.socket, int]:
    """A listening socket, and a descriptor of its address: `connect` takes that by its name in /proc.

    Whoever can connect makes the server run code, so nobody else must find it. The socket's file is in a private
    folder, gone again before this returns; an abstract address would be open to every user of the machine.
    """
    with tempfile.TemporaryDirectory(prefix="gostage-") as folder, ExitStack() as undo:
        folder_fd = os.open(folder, os.O_PATH)
        try:
            listener = undo.enter_context(_above_standard(socket.socket(socket.AF_UNIX)))
            listener.bind(f"/proc/self/fd/{folder_fd}/s")  # a long TMPDIR does not fit into an address
            listener.listen()
            address = os.open("s", os.O_PATH, dir_fd=folder_fd)
        finally:
            os.close(folder_fd)
        undo.pop_all()
        return listener, address
