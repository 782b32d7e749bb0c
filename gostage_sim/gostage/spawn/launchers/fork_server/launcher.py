"""The fork server as a launcher."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import RLock
from types import TracebackType
from typing import Self

from gostage_sim.gostage.errors import safe_str
from gostage_sim.gostage.registry import entries
from gostage_sim.gostage.spawn.command import child_environment, family_for, group_for
from gostage_sim.gostage.spawn.confinement import refusal, settings_of
from gostage_sim.gostage.spawn.launchers.contract import Launch, LaunchError
from gostage_sim.gostage.spawn.launchers.fork_server.actions import pack
from gostage_sim.gostage.spawn.launchers.fork_server.child import ForkedChild
from gostage_sim.gostage.spawn.launchers.fork_server.server import Forked, Server, ServerGoneError
from gostage_sim.gostage.spawn.launchers.fork_server.spare import Spare
from gostage_sim.gostage.spawn.launchers.fork_server.status import ForkedStatus
from gostage_sim.gostage.spawn.launchers.importable import files_of, import_path, places_of
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import Pipes, Process, close_kept, no_sigpipe, open_pipe
from gostage_sim.gostage.spawn.readiness import is_readable, is_writable

ATTEMPTS = 2
_EMPTY_PREPARATION = pickle.dumps({})
"""What `multiprocess.spawn` reads first. Nothing is to be prepared: preparing `__main__` is most of a start's cost."""


class ForkServer:
    """A warm process that forks each child: a start in milliseconds, and actions that are closures or lambdas.

    `preload` are modules that the server imports once, so that no child has to. It is started at the first spawn and
    ended by `close()`, at the end of a `with` block, or with this program; children that run then go on. What a child
    does not share with this program is what the server did not have at its start: limits, umask and priority of a later
    time, and modules that were changed since.

    Children that send by gRPC come from a second one, which has that imported as well: no other child has it. Behind
    each of them one more waits, forked ahead with gRPC's core begun, which is most of such a start; one with limits or
    another user is not taken from there, because the core's threads would not be confined with it.

    Actions registered in this program are in the child as they are at the spawn: those that can be imported by
    reference, others by value. One thread or many may spawn. The result's `usage` is None: the kernel tells it to the
    server, whose loop does not pass it on.
    """

    foreign = False

    def __init__(self, preload: Sequence[str] = (), *, start_timeout_s: float = 60.0) -> None:
        if isinstance(preload, str):
            raise TypeError(f"preload is a list of module names; found {preload!r}")
        self.preload = tuple(preload)
        self.start_timeout_s = start_timeout_s
        self._lock = RLock()
        self._servers: dict[bool, tuple[Server, Callable[[], object]]] = {}
        _LAUNCHERS.add(self)

    def start(self, launch: Launch) -> Process:
        options = launch.options
        environment = child_environment(options, launch.depth)
        deadline = time.monotonic() + self.start_timeout_s
        with Pipes() as pipes, ExitStack() as undo, ExitStack() as passed_on:
            family = family_for(options, environment, undo)
            group = group_for(options)
            if group is not None:
                undo.callback(group.remove)
            imported = (name for name in launch.action_modules() if name != "__main__" and name not in self.preload)
            settings = settings_of(options, None if group is None else str(group.folder), files_of(imported))
            data = memoryview(_EMPTY_PREPARATION + pickle.dumps(_child(launch, environment, settings)))
            folder = _open_folder(options)
            passed_on.callback(os.close, folder)
            report, theirs = open_pipe()
            passed_on.callback(os.close, report)
            fds = [pipes.child_stdin, pipes.child_stdout, pipes.child_stderr, pipes.child_lifeline, folder, theirs]
            # The core's threads would be outside of what confines the thread that takes it on.
            may_be_ahead = not settings and not any(name.startswith("GRPC_") for name in environment)
            try:
                pid, pidfd, status_fd, data_fd = self._fork(launch, fds, deadline, may_be_ahead=may_be_ahead)
            finally:
                os.close(theirs)
            passed_on.callback(close_kept, data_fd)
            undo.callback(close_kept, status_fd)
            undo.callback(close_kept, pidfd)
            undo.callback(_kill, pidfd)
            with contextlib.suppress(ProcessLookupError):  # killed already: its exit will be seen
                pipes.tie(pid)
            _write(data_fd, data, deadline)
            if settings:
                _require_taken_on(report, deadline)
            if may_be_ahead and _is_by_grpc(launch):
                self._fork_ahead(deadline)
            process = Process(pid, pidfd, pipes, ForkedStatus(status_fd), also=[status_fd], family=family, group=group)
            undo.pop_all()
            return process

    def close(self) -> None:
        """End the server. Another spawn starts a new one."""
        for by_grpc in (False, True):
            self._close(by_grpc)

    def _close(self, by_grpc: bool) -> None:
        with self._lock:
            _, end = self._servers.pop(by_grpc, (None, None))
            if end is not None:
                end()

    def _fork(self, launch: Launch, fds: Sequence[int], deadline: float, *, may_be_ahead: bool) -> Forked:
        """From the server that runs, or a new one. One thread at a time: the server can do no more either."""
        by_grpc = _is_by_grpc(launch)
        with self._lock:
            for _ in range(ATTEMPTS):
                try:
                    server = self._running(by_grpc)
                    if may_be_ahead and server.spare is not None:
                        spare, server.spare = server.spare, None
                        with contextlib.suppress(ServerGoneError):
                            return spare.become(fds, deadline)
                    return server.fork(fds, deadline)
                except ServerGoneError as gone:
                    reason = gone
                    self._close(by_grpc)
                except LaunchError:
                    self._close(by_grpc)
                    raise
            raise LaunchError(f"no child could be forked, in {ATTEMPTS} attempts: {reason}")

    def _fork_ahead(self, deadline: float) -> None:
        """One more by gRPC, for the next start; where that cannot be, the next start takes longer."""
        with self._lock, contextlib.suppress(OSError, LaunchError, ServerGoneError):
            server, _ = self._servers.get(True, (None, None))
            if server is not None and server.spare is None:
                server.spare = Spare(server, deadline)

    def _running(self, by_grpc: bool) -> Server:
        server, _ = self._servers.get(by_grpc, (None, None))
        if server is None or server.owner != os.getpid() or not server.is_alive():
            self._close(by_grpc)
            server = Server(self.preload, import_path(), by_grpc=by_grpc)
            self._servers[by_grpc] = server, weakref.finalize(self, server.close)  # also at the end of the program
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


_LAUNCHERS: weakref.WeakSet[ForkServer] = weakref.WeakSet()


def _unlock() -> None:
    """In a fork of this program: whoever held a lock is not in it, and will never let go."""
    for launcher in _LAUNCHERS:
        launcher._lock = RLock()


os.register_at_fork(after_in_child=_unlock)


def _is_by_grpc(launch: Launch) -> bool:
    transport = launch.definition.transport
    return transport is not None and transport.type == "grpc"


def _child(launch: Launch, environment: dict[str, str], settings: dict[str, str]) -> ForkedChild:
    """What the child shall become; LaunchError when an action of the definition cannot travel."""
    known = entries()
    packed, failed = pack(known)
    for id in launch.action_ids():
        if id in failed:
            raise LaunchError(
                f"action {id!r}, registered at {known[id].place}, cannot travel to a child of the fork server: "
                f"{type(failed[id]).__name__}: {safe_str(failed[id])}; let it make what it "
                "needs by itself, or register it at the top of a module"
            )
    return ForkedChild(
        program=sys.argv[0] if sys.argv else "",
        environment=environment,
        settings=settings,
        places=places_of({entry.module for entry in known.values()}),
        actions=packed,
    )


def _open_folder(options: SpawnOptions) -> int:
    """Where the child begins, as a descriptor: a folder that this program is in may have no name any more."""
    try:
        return os.open(options.cwd or ".", os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        if options.cwd is None:
            raise
        raise OSError(error.errno, f"SpawnOptions.cwd: {error.strerror}", os.fspath(options.cwd)) from None


def _require_taken_on(report: int, deadline: float) -> None:
    """Wait until the child has taken on its settings; OSError that names the option which the system refused."""
    if not is_readable(report, deadline - time.monotonic()):
        raise LaunchError("a forked child did not begin in time; is it stopped?")
    refused = os.read(report, 4096)
    if refused:
        raise refusal(refused, "fork server")


def _write(fd: int, data: memoryview, deadline: float) -> None:
    """All of it; a child that was killed does not take it, and its exit will be seen."""
    os.set_blocking(fd, False)
    with contextlib.suppress(BrokenPipeError):
        while data:
            if not is_writable(fd, deadline - time.monotonic()):
                raise LaunchError("a forked child did not take what it was sent in time; is it stopped?")
            with no_sigpipe():
                data = data[os.write(fd, data) :]


def _kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
