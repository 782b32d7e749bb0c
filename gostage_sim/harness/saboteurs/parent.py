"""Saboteurs of `parent-alive` and `recovers`: engines that do not survive a child's death, or are of no use after."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from typing import Any

from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.spawn.handle import ChildHandle
from gostage_sim.gostage.spawn.process import Process
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

#: How long no other thread of the parent runs, where one holds the interpreter; over the bound of the guarantee.
_FREEZE_MS = 2500


def _dies() -> None:
    after_a_signal(lambda process: os.kill(os.getpid(), signal.SIGKILL))


def _panics() -> None:
    def fail() -> None:
        raise LookupError("a thread of the engine does not know this child any more")

    after_a_signal(lambda process: threading.Thread(target=fail, name="engine").start())


def _freezes() -> None:
    poll = ctypes.PyDLL(None).poll  # a PyDLL keeps the GIL
    after_a_signal(lambda process: poll(None, 0, _FREEZE_MS))


def _gives_up() -> None:
    broken: list[Process] = []
    after_a_signal(broken.append)
    start = Runner.start

    def refuse(self: Runner, *arguments: Any, **options: Any) -> ChildHandle:
        if broken:
            raise RuntimeError("this runner has seen a child die and is of no use any more")
        return start(self, *arguments, **options)

    Runner.start = refuse  # type: ignore[method-assign]


def _numbs() -> None:
    broken: list[Process] = []
    after_a_signal(broken.append)
    make = Delivery.__init__

    def make_numb(self: Delivery, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        self.is_open = not broken

    Delivery.__init__ = make_numb  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("dies", "parent-alive", "kills itself when a child is killed by a signal", _dies),
    Saboteur("panics", "parent-alive", "has a thread that fails when a child is killed by a signal", _panics),
    Saboteur("freezes", "parent-alive", "holds the interpreter when a child is killed by a signal", _freezes),
    Saboteur("gives-up", "recovers", "starts no child any more once a signal killed one", _gives_up),
    Saboteur("numbs", "recovers", "calls no handler of later children once a signal killed one", _numbs),
)
