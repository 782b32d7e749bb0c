"""Saboteurs of `nothing-left`: engines that leave something of a child behind."""

from __future__ import annotations

import os
import signal

from gostage_sim.gostage.spawn.exit_status import signal_name
from gostage_sim.gostage.spawn.process import Pipes, Process
from gostage_sim.gostage.spawn.session import ExitStatus
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

_leaked: list[int] = []


def _leaks() -> None:
    after_a_signal(lambda process: _leaked.append(os.dup(process.pidfd)))


def _looks() -> None:
    def look(self: Process) -> ExitStatus:
        seen = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return ExitStatus(None, None)
        exited = seen.si_code == os.CLD_EXITED
        self._reaped = ExitStatus(seen.si_status, None) if exited else ExitStatus(None, signal_name(seen.si_status))
        return self._reaped

    Process.reap = look  # type: ignore[method-assign]


def _spares() -> None:
    send = Process.signal_group

    def spare(self: Process, signum: int) -> None:
        if signum != signal.SIGKILL or not self.has_exited():
            send(self, signum)

    def untied(self: Pipes, pid: int) -> None:
        return

    Process.signal_group = spare  # type: ignore[method-assign]
    Pipes.tie = untied  # type: ignore[method-assign]  # or the kernel does it, when the lifeline is closed


SABOTEURS = (
    Saboteur("leaks", "nothing-left", "keeps a descriptor of every child killed by a signal", _leaks),
    Saboteur("looks", "nothing-left", "looks at the exit status of a child and leaves the zombie", _looks),
    Saboteur("spares", "nothing-left", "leaves a child's children alone when it is gone", _spares, "grandchild"),
)
