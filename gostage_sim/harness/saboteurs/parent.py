"""Saboteurs of `parent-alive` and `recovers`: engines that do not survive a child's death, or are of no use after."""

from __future__ import annotations

import os
import signal
from typing import Any

from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.spawn.handle import ChildHandle
from gostage_sim.gostage.spawn.process import Process
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal


def _dies() -> None:
    after_a_signal(lambda process: os.kill(os.getpid(), signal.SIGKILL))


def _gives_up() -> None:
    broken: list[Process] = []
    after_a_signal(broken.append)
    start = Runner.start

    def refuse(self: Runner, *arguments: Any, **options: Any) -> ChildHandle:
        if broken:
            raise RuntimeError("this runner has seen a child die and is of no use any more")
        return start(self, *arguments, **options)

    Runner.start = refuse  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("dies", "parent-alive", "kills itself when a child is killed by a signal", _dies),
    Saboteur("gives-up", "recovers", "starts no child any more once a signal killed one", _gives_up),
)
