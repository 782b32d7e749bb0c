"""Saboteurs of `siblings-unharmed`: engines in which children pay for each other."""

from __future__ import annotations

import signal
from typing import Any

from gostage_sim.gostage.spawn.process import Process
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal


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


SABOTEURS = (Saboteur("harms", "siblings-unharmed", "kills all children when one is killed by a signal", _harms),)
