"""What starts the children of a scenario, and takes note of what the kernel says of them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from gostage_sim import gostage
from gostage_sim.gostage.spawn.exit_status import signal_name
from gostage_sim.gostage.spawn.launchers import Launch, Launcher
from gostage_sim.gostage.spawn.process import Process

CHILD_COMMAND = (sys.executable, "-P", "-m", "gostage_sim.harness.child")
#: See there.
_LAUNCHED = "gostage_sim.harness.launched"


class ScenarioLauncher:
    """A launcher that starts each child as its plan says, and records its pid at once and, just before the engine takes
    the status of its end, what the kernel says of that."""

    def __init__(self, children: list[dict[str, Any]], record: Callable[..., None]) -> None:
        self._planned = {child["name"]: child for child in children}
        self._record = record
        self._started = threading.local()
        self._server = gostage.launchers.ForkServer(preload=[_LAUNCHED])
        self._launchers: dict[str, Launcher] = {
            "this_program": gostage.launchers.ThisProgram(),
            "module": gostage.launchers.ChildModule([_LAUNCHED]),
            "fork_server": self._server,
        }
        self.commands: dict[str, list[str]] = {}
        """What starts a child in place of what its plan says, by its name."""
        self.pids: dict[str, int] = {}
        """Of the children that were started, by name."""
        self.before_reaping: dict[str, Callable[[int], object]] = {}
        """What is done with a child's pid before its status is taken, by its name."""

    @property
    def foreign(self) -> bool:
        """Of the child that this thread started last: the engine asks when it has started one."""
        return bool(self._started.foreign)

    def start(self, launch: Launch) -> Process:
        name = launch.definition.id
        launcher = self._launcher_of(name)
        self._started.foreign = launcher.foreign
        process = launcher.start(launch)
        self.pids[name] = process.pid
        self._record("started", child=name, pid=process.pid)
        reap = process.reap

        def peek_and_reap() -> Any:
            if name in self.before_reaping:
                self.before_reaping.pop(name)(process.pid)
            try:
                status = os.waitid(os.P_PIDFD, process.pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except OSError:
                status = None  # not ours, or the engine closed the pidfd or reaped before; then nothing is known
            if status is not None:
                exited = status.si_code == os.CLD_EXITED
                self._record(
                    "kernel",
                    pid=process.pid,
                    exit_code=status.si_status if exited else None,
                    signal=None if exited else signal_name(status.si_status),
                )
            return reap()

        process.reap = peek_and_reap  # type: ignore[method-assign]
        return process

    def close(self) -> None:
        """End the fork server, if one was needed."""
        self._server.close()

    def _launcher_of(self, name: str) -> Launcher:
        planned = self._planned[name]
        if planned["command"]:
            return gostage.launchers.Program(planned["command"])
        command = self.commands.get(name, CHILD_COMMAND)
        if planned["launcher"] is not None and tuple(command) == CHILD_COMMAND:
            return self._launchers[planned["launcher"]]
        return gostage.launchers.Program(command, foreign=False)
