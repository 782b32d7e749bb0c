"""Saboteurs of `siblings-unharmed`: engines in which children pay for each other."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.readiness import is_readable
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

#: Over the bound of the guarantee.
_STALL_S = 3.0


def _harms() -> None:
    running: list[Process] = []
    start = Process.__init__

    def start_and_remember(self: Process, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        running.append(self)

    Process.__init__ = start_and_remember  # type: ignore[method-assign]

    def kill_the_others(process: Process) -> None:
        Process.reap = reap  # type: ignore[method-assign]  # once is enough
        for other in running:
            if other is not process:
                other.signal_group(signal.SIGKILL)

    reap = Process.reap
    after_a_signal(kill_the_others)


def _mourns() -> None:
    started: list[int] = []
    own = threading.local()
    start, deliver = Process.__init__, Delivery.deliver

    def start_and_remember(self: Process, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        own.pidfd = os.dup(self.pidfd)
        started.append(own.pidfd)

    def deliver_late(self: Delivery, *arguments: Any) -> None:
        if any(is_readable(pidfd, 0) for pidfd in started if pidfd != own.pidfd):
            started.clear()  # once is enough
            time.sleep(_STALL_S)
        deliver(self, *arguments)

    Process.__init__ = start_and_remember  # type: ignore[method-assign]
    Delivery.deliver = deliver_late  # type: ignore[assignment, method-assign]


SABOTEURS = (
    Saboteur("harms", "siblings-unharmed", "kills all children when one is killed by a signal", _harms),
    Saboteur("mourns", "siblings-unharmed", f"leaves a child waiting {_STALL_S:g} s when another one dies", _mourns),
)
