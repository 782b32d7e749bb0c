"""A forked child until it is as good as a fresh interpreter: own session, pipes, environment, folder, registrations."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import time
import weakref

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.spawn.confine import refuse, take_on
from gostage_sim.gostage.spawn.descendants import FAMILY_VARIABLE, bear
from gostage_sim.gostage.spawn.launchers.fork_server.actions import unpack
from gostage_sim.gostage.spawn.launchers.fork_server.ending import run_to_exit_code
from gostage_sim.gostage.spawn.readiness import is_hung_up

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gostage_sim.gostage.spawn.launchers.fork_server.actions import Packed

_EXIT_FUNCTIONS = (
    ("logging", "shutdown"),
    ("multiprocess.util", "_exit_function"),
    ("multiprocessing.util", "_exit_function"),
)


class ForkedChild:
    """What the parent sends to a child that was just forked; `multiprocess.spawn` unpickles it and calls `_bootstrap`.

    `program` is what `sys.argv` begins with, `settings` are for `confine.take_on`, `places` for
    `find_modules_as`.
    """

    def __init__(
        self,
        *,
        program: str,
        environment: dict[str, str],
        settings: dict[str, str],
        places: dict[str, Any],
        actions: list[Packed],
    ) -> None:
        self.program = program
        self.environment = environment
        self.settings = settings
        self.places = places
        self.actions = actions

    def _bootstrap(self, parent_sentinel: int) -> int:
        from multiprocess import forkserver  # type: ignore[import-untyped]

        return self.become(forkserver.get_inherited_fds())

    def become(self, fds: Sequence[int], kept: Iterable[int] = ()) -> int:
        """Become that child, with these descriptors and those to be kept; run, and return the exit code."""
        os.setsid()
        report_fd = _take_descriptors(fds, {*kept})
        _forget_the_server()
        _forget_exit_functions()
        _reset_signals()
        os.environ.clear()
        os.environ.update(self.environment)
        _read_environment()
        if FAMILY_VARIABLE in self.environment:
            bear(self.environment[FAMILY_VARIABLE])
        sys.argv[:] = [self.program, CHILD_FLAG]
        _reseed()
        _take_on(self.settings, report_fd)
        return run_to_exit_code(self._run)

    def _run(self) -> None:
        from gostage_sim.gostage.child.main import child_main
        from gostage_sim.gostage.child.modules import find_modules_as

        find_modules_as(self.places)
        unpack(self.actions)
        child_main()


def _take_on(settings: dict[str, str], report_fd: int) -> None:
    """Confined from here on, before any code of the user's; what the system refuses goes to the parent, who waits."""
    for name, value in settings.items():
        try:
            take_on(name, value)
        except (OSError, ValueError, MemoryError) as error:
            refuse(report_fd, name, error)
    os.close(report_fd)


def _take_descriptors(fds: Sequence[int], kept: set[int]) -> int:
    """0, 1 and 2, the lifeline, and the report's, which is returned; all but those kept are closed, whose they were."""
    stdin, stdout, stderr, lifeline, folder, report = fds
    for fd, standard in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(fd, standard)
    os.fchdir(folder)
    os.set_inheritable(lifeline, True)  # also for a program that this one becomes by exec
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in (lifeline, report) and fd not in kept:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(fd)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # multiprocess gave the server another one, closed by now
    if is_hung_up(lifeline, 0):
        os._exit(1)  # the parent died before there was a group that the kernel could have killed
    return report


def _forget_the_server() -> None:
    """A child that uses multiprocess itself must not take the server's descriptors for its own."""
    from multiprocess import forkserver, resource_tracker

    server = forkserver._forkserver
    server._inherited_fds = server._forkserver_alive_fd = server._forkserver_address = None
    resource_tracker._resource_tracker._fd = None


def _forget_exit_functions() -> None:
    """What a preloaded module registered is for the end of the server; what is Python's own is for everybody's."""
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]  # temporary folders, for instance
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    for module, function in _EXIT_FUNCTIONS:
        if module in sys.modules:
            atexit.register(getattr(sys.modules[module], function))


def _read_environment() -> None:
    """Once more what was read when the server had another environment."""
    time.tzset()
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None


def _reset_signals() -> None:
    """As in a fresh interpreter, whatever a preloaded module has set."""
    for signum in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these two
        default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
        if signal.getsignal(signum) != default:
            signal.signal(signum, default)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _reseed() -> None:
    """`random` does it by itself after a fork; numpy's global generator would give every child the same numbers."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
